//! A new address for each request, whatever the server's class, as an observer sees it. The servers are unmodified.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mimiq_agent::get::{self, HopPolicy, Options, Report, Timing};
use mimiq_agent::sdk::{Agent, Class, Connector, EARLY, Http3, Http3Error, Moved, Padding, Session};

use crate::application;
use crate::support::agent::TestAgent;
use crate::support::caddy::Caddy;
use crate::support::relay;
use crate::support::s2n::s2n_server;
use crate::support::server::{Aioquic, Identity, quinn_server};

const REQUESTS: usize = 1000;
/// Of these at most, whose report names another address than the observer sees.
const MISNAMED: usize = 10;

fn nothing_lost(_: bool, _: u64) -> bool {
    false
}

/// Requests by HTTP/3, a hop with each.
async fn thousand_requests(identity: &Identity, server: SocketAddr, timing: Timing) -> Report {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, Duration::from_millis(1), nothing_lost).await;
    let options = Options {
        agent: agent.socket.clone(),
        server: through,
        server_name: "localhost".into(),
        uri: "https://localhost/2700".parse().unwrap(),
        roots: get::roots(&identity.certificate()).unwrap(),
        requests: REQUESTS,
        interval: Duration::ZERO,
        timeout: Duration::from_secs(10),
        policy: HopPolicy::Every(1, timing),
        label: "test".into(),
    };
    let report = get::run(options).await.unwrap();
    println!("{:?} {:?}", report.summary, report.hop_refusals);
    let failed: Vec<_> = report.requests.iter().filter(|request| !request.ok || request.bytes != 2700).collect();
    assert!(failed.is_empty() && report.requests.len() == REQUESTS, "{failed:?}");
    let addresses: BTreeSet<_> = report.requests.iter().map(|request| request.address.unwrap()).collect();
    // On a machine that stands still a hop returns before its first packet has left: the request behind it, which leaves from the new address, then
    // names the one before.
    assert!(addresses.len() >= REQUESTS - MISNAMED, "{} addresses", addresses.len());
    assert_eq!(report.summary.links_seen, 0);
    let seen = seen.lock().unwrap();
    assert_seen(&seen, &addresses);
    let sources: BTreeSet<_> = seen.sources.iter().map(SocketAddr::ip).collect();
    assert!(sources.len() >= REQUESTS, "every request from another address: {} sources", sources.len());
    report
}

fn assert_seen(seen: &relay::Sightings, addresses: &BTreeSet<IpAddr>) {
    seen.assert_unlinked();
    let sources: BTreeSet<_> = seen.sources.iter().map(SocketAddr::ip).collect();
    assert!(sources.is_superset(addresses));
    println!("{} handshakes, {} sources", seen.handshakes.len(), sources.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quinn_is_full() {
    let identity = Identity::new();
    let report = thousand_requests(&identity, quinn_server(&identity, true), Timing::Early).await;
    assert_eq!((report.summary.class.as_str(), report.summary.rollovers), ("full", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aioquic_is_full() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    let report = thousand_requests(&identity, server.address, Timing::Early).await;
    assert_eq!((report.summary.class.as_str(), report.summary.rollovers), ("full", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_caddy_forbids() {
    let identity = Identity::new();
    let server = Caddy::debian(&identity);
    let report = thousand_requests(&identity, server.address, Timing::Early).await;
    assert_eq!((report.summary.class.as_str(), report.summary.migrations), ("forbidding", 0));
    assert_eq!(report.summary.rollovers, REQUESTS as u64 - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recent_caddy_is_left_each_time() {
    let identity = Identity::new();
    let server = Caddy::recent(&identity);
    let report = thousand_requests(&identity, server.address, Timing::Before).await;
    assert_eq!((report.summary.class.as_str(), report.summary.migrations), ("capped(0)", 0));
    assert_eq!(report.summary.rollovers, REQUESTS as u64 - 1);
}

async fn session(agent: &TestAgent, identity: &Identity, server: SocketAddr) -> Session {
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let agent = Agent::connect(&agent.socket).await.unwrap();
    Connector::new(agent, tls, Padding::None).unwrap().session(server, "localhost").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2n_quic_is_capped() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let (through, seen) = relay::start(s2n_server(&identity), Duration::from_millis(1), nothing_lost).await;
    let session = session(&agent, &identity, through).await;
    let mut addresses = BTreeSet::new();
    for number in 0..REQUESTS {
        let ride = session.connection().await.unwrap();
        assert!(addresses.insert(ride.source().unwrap().ip()), "every request from another address");
        let hop = async {
            // Now and then so late that the connection IDs are replaced by then, and it hops.
            tokio::time::sleep(if number % 50 < 2 { EARLY * 50 } else { EARLY }).await;
            session.hop().await.unwrap()
        };
        let question = 2700u16.to_be_bytes();
        let exchange = tokio::time::timeout(Duration::from_secs(10), application::ask(&ride, &question));
        let (reply, moved) = tokio::join!(exchange, hop);
        let reply = reply.unwrap_or_else(|_| panic!("request {number} stalled: {moved:?} {:?}", session.stats()));
        assert_eq!(reply.unwrap().len(), 2700);
    }
    let stats = session.stats();
    println!("{stats:?}");
    assert!(matches!(stats.class, Class::Capped(1..)), "{stats:?}");
    assert!(stats.migrations >= 20 && stats.rollovers >= 500, "{stats:?}");
    assert_eq!(stats.links_seen, 0);
    assert_seen(&seen.lock().unwrap(), &addresses);
}

/// A server that follows nowhere, not known before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_follow_is_found_out_without_a_failure() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let (through, seen) = relay::start(server, Duration::from_millis(1), nothing_lost).await;
    seen.lock().unwrap().follows_no_more = true;
    let http = Http3::new(session(&agent, &identity, through).await);
    let mut addresses = BTreeSet::new();
    for _ in 0..20 {
        let reply = tokio::time::timeout(Duration::from_secs(10), get(&http)).await.unwrap().unwrap();
        assert!(addresses.insert(reply.unwrap()));
        http.session().hop().await.unwrap();
    }
    let stats = http.session().stats();
    assert_eq!((stats.class, stats.rollovers), (Class::Capped(0), 20), "{stats:?}");
    seen.lock().unwrap().assert_unlinked();
}

/// Gets 2,700 bytes; says from which address.
async fn get(http: &Http3) -> Result<Option<IpAddr>, Http3Error> {
    let mut reply = http.send(http::Request::get("https://localhost/2700").body(()).unwrap()).await?;
    let mut bytes = 0;
    while let Some(chunk) = reply.data().await? {
        bytes += bytes::Buf::remaining(&chunk);
    }
    assert_eq!((reply.head().status().as_u16(), bytes), (200, 2700));
    Ok(reply.source().map(|source| source.ip()))
}

/// A server that changes its mind, which nobody can foresee.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stall_leaves_undone_is_repeated_only_if_that_is_safe() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let (through, seen) = relay::start(server, Duration::from_millis(20), nothing_lost).await;
    let http = Http3::new(session(&agent, &identity, through).await);
    while http.session().stats().class != Class::Full {
        get(&http).await.unwrap();
        assert!(matches!(http.session().hop().await.unwrap(), Moved::Hopped(_)));
    }
    seen.lock().unwrap().follows_no_more = true;

    assert!(matches!(http.session().hop().await.unwrap(), Moved::Hopped(_)));
    get(&http).await.unwrap();
    let stats = http.session().stats();
    let Class::Capped(hops) = stats.class else { panic!("{stats:?}") };
    // The next addresses are tried in case that it is the path.
    assert_eq!((hops, stats.rollovers), (stats.migrations - 1 - stats.unvalidated, 1), "{stats:?}");

    // A pause, or it would rather change connections.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(matches!(http.session().hop().await.unwrap(), Moved::Hopped(_)));
    let post = http::Request::post("https://localhost/2700").body(()).unwrap();
    let reply = http.send(post).await.map(|_| ());
    assert!(matches!(reply.unwrap_err(), Http3Error::Stalled), "it may have been done");
    get(&http).await.unwrap();
    assert_eq!(http.session().stats().class, Class::Capped(0));
    seen.lock().unwrap().assert_unlinked();
}
