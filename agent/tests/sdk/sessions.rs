//! Policies in sessions, where servers do not let a connection hop, or nobody knows yet whether they do.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mimiq_agent::get::{self, HopPolicy, Options, Report};
use mimiq_agent::sdk::{Agent, Class, Connector, Padding, Session};
use mimiq_agent::status;
use mimiq_api::local::Usage;

use crate::application;
use crate::support::agent::TestAgent;
use crate::support::caddy::Caddy;
use crate::support::relay::{self, Sightings};
use crate::support::s2n::s2n_server;
use crate::support::server::{Identity, quinn_server};

const ONE_WAY: Duration = Duration::from_millis(2);
/// What s2n-quic is asked: for so many bytes.
const QUESTION: [u8; 2] = 2700u16.to_be_bytes();

struct Run {
    report: Report,
    seen: Sightings,
    usage: Usage,
}

impl Run {
    fn rollovers(&self) -> u64 {
        self.report.rollovers.len() as u64
    }

    /// Packets that the observer saw of each address that was left, in order.
    fn flows(&self) -> Vec<u64> {
        let (_, left) = self.report.addresses.split_last().unwrap();
        let packets = |address: IpAddr| {
            let of_it = self.seen.packets.iter().filter(|(source, _)| source.ip() == address);
            of_it.map(|(_, packets)| packets).sum()
        };
        left.iter().map(|entry| packets(entry.address)).collect()
    }
}

/// A policy where each move is a rollover: no failure, no refusal, and nothing to link.
async fn run(identity: &Identity, server: SocketAddr, policy: &str, requests: usize, interval: Duration) -> Run {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, ONE_WAY, |_, _| false).await;
    let options = Options {
        agent: agent.socket.clone(),
        server: through,
        server_name: "localhost".into(),
        uri: "https://localhost/2700".parse().unwrap(),
        roots: get::roots(&identity.certificate()).unwrap(),
        requests,
        interval,
        timeout: Duration::from_secs(10),
        policy: HopPolicy::Follow(Some(policy.parse().unwrap())),
        label: "test".into(),
    };
    let report = get::run(options).await.unwrap();
    assert_eq!((report.summary.requests, report.summary.failed), (requests, 0), "{:?}", report.requests);
    assert!(report.requests.iter().all(|request| request.bytes == 2700));
    assert_eq!((report.summary.links_seen, report.hops.len()), (0, 0));
    assert!(report.hop_refusals.is_empty(), "{:?}", report.hop_refusals);
    let addresses: BTreeSet<_> = report.addresses.iter().map(|entry| entry.address).collect();
    assert_eq!(
        (addresses.len(), report.summary.rollovers),
        (report.rollovers.len() + 1, report.rollovers.len() as u64)
    );
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.assert_unlinked();
    let status = status::get(&agent.socket).await.unwrap();
    let usage = status.usage[0].clone();
    println!("{} {:?}", status::json(&status), report.summary);
    let counts = usage.counts.clone().unwrap();
    assert_eq!((usage.policy.as_str(), usage.connections, usage.open), (policy, 1, 0));
    assert_eq!((counts.hops, counts.rollovers), (0, report.rollovers.len() as u64));
    Run { report, seen, usage }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_count_where_the_server_forbids_migration() {
    let identity = Identity::new();
    let run =
        run(&identity, quinn_server(&identity, false), "random_packets: {min: 30, max: 60}", 200, Duration::ZERO).await;
    let packets = run.usage.counts.as_ref().unwrap().packets;
    assert!(run.rollovers() <= packets / 30 && run.rollovers() >= packets / 80, "{} in {packets}", run.rollovers());
    // A request that is under way ends where it began. The session's packets count: the last ones of a connection that was left, such as its close, are some
    // of the thirty after it, and go to its own address.
    let flows = run.flows();
    assert!(flows.iter().all(|packets| (25..100).contains(packets)), "{flows:?}");
    assert_eq!(run.report.summary.class, "forbidding");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_counts_with_debians_caddy() {
    let identity = Identity::new();
    let server = Caddy::debian(&identity);
    let run = run(&identity, server.address, "random_time: {min: 40ms, max: 80ms}", 200, Duration::ZERO).await;
    assert!(run.rollovers() >= 5, "{}", run.rollovers());
    for pair in run.report.rollovers.windows(2) {
        let between = Duration::from_nanos(pair[1].unix_ns - pair[0].unix_ns);
        assert!(between > Duration::from_millis(30), "{between:?}");
    }
    assert_eq!(run.report.summary.class, "forbidding");
}

/// Caddy's first words on the new connection are no cause for the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollover_does_not_cause_the_next() {
    let identity = Identity::new();
    let server = Caddy::recent(&identity);
    let requests = 6;
    let run = run(&identity, server.address, "between_bursts: {gap: 60ms}", requests, Duration::from_millis(500)).await;
    let allowed = requests as u64 - 1..=requests as u64 + 1;
    assert!(allowed.contains(&run.rollovers()), "{} rollovers between requests", run.rollovers());
    assert_eq!(run.report.summary.class, "capped(0)");
}

async fn session(agent: &TestAgent, identity: &Identity, server: SocketAddr, policy: &str) -> Session {
    connector(agent, identity, policy).await.session(server, "localhost").await.unwrap()
}

async fn connector(agent: &TestAgent, identity: &Identity, policy: &str) -> Connector {
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let agent = Agent::connect(&agent.socket).await.unwrap();
    Connector::new(agent, tls, Padding::None).unwrap().policy(policy.parse().unwrap())
}

/// s2n-quic follows twice: hops and rollovers serve the same policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capped_server_sees_hops_and_rollovers() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let (through, seen) = relay::start(s2n_server(&identity), ONE_WAY, |_, _| false).await;
    let session = session(&agent, &identity, through, "random_time: {min: 150ms, max: 250ms}").await;
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        let ride = session.connection().await.unwrap();
        let reply = tokio::time::timeout(Duration::from_secs(10), application::ask(&ride, &QUESTION));
        assert_eq!(reply.await.expect("stalled").unwrap().len(), 2700);
        drop(ride);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (stats, elapsed) = (session.stats(), start.elapsed().as_millis() as u64);
    println!("{stats:?} {:?}", session.refusals());
    assert!(matches!(stats.class, Class::Capped(1..)), "{stats:?}");
    assert!(stats.migrations >= 2 && stats.rollovers >= 2 && stats.links_seen == 0, "{stats:?}");
    let moves = stats.migrations + stats.rollovers;
    assert!(moves <= elapsed / 150 && moves >= elapsed / 500, "{moves} in {elapsed} ms");
    seen.lock().unwrap().assert_unlinked();
}

/// Nothing moves under a request at a server that is not known; afterwards it does at once, and then counts from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hop_that_is_due_waits_for_the_end_of_a_request() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let (through, seen) = relay::start(s2n_server(&identity), ONE_WAY, |_, _| false).await;
    let session = session(&agent, &identity, through, "every_packets: 20").await;
    let ride = session.connection().await.unwrap();
    let first = ride.source().unwrap();
    for _ in 0..20 {
        assert_eq!(application::ask(&ride, &QUESTION).await.unwrap().len(), 2700);
    }
    assert_eq!(seen.lock().unwrap().sources, [first]);
    drop(ride);
    let moved = async {
        while session.stats().migrations == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), moved).await.expect("nobody asks, and it moves");
    // Whatever was due more than once meanwhile.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((session.stats().migrations, session.stats().rollovers), (1, 0));
    session.close().await;
    let usage = status::get(&agent.socket).await.unwrap().usage;
    assert_eq!((usage[0].open, usage[0].counts.as_ref().unwrap().hops), (0, 1));
}

#[tokio::test]
async fn never_is_one_address_for_all_connections_and_per_connection_one_for_each() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, false);
    for (policy, count) in [("never", 1), ("per_connection", 4)] {
        let connector = connector(&agent, &identity, policy).await;
        let mut sources = BTreeSet::new();
        for _ in 0..2 {
            let session = connector.session(server, "localhost").await.unwrap();
            for _ in 0..2 {
                let ride = session.connection().await.unwrap();
                sources.insert(ride.source().unwrap());
                // As if it had come to its end.
                ride.leave();
            }
            session.close().await;
        }
        let addresses: BTreeSet<_> = sources.iter().map(SocketAddr::ip).collect();
        assert_eq!((sources.len(), addresses.len()), (4, count), "{policy}: {sources:?}");
    }
}
