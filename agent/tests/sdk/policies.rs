//! Each policy against real servers, as an observer between them and the client sees it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mimiq_agent::get::{self, HopPolicy, Options, Report};
use mimiq_agent::policy::{Policy, Rules};
use mimiq_agent::sdk::{Agent, Connector, Padding};
use mimiq_agent::status;
use mimiq_api::local::Usage;

use crate::support::agent::{TestAgent, somewhere};
use crate::support::relay::{self, Sightings};
use crate::support::server::{Aioquic, Identity, quinn_server};

const ONE_WAY: Duration = Duration::from_millis(2);

/// What came of a run.
struct Run {
    report: Report,
    seen: Sightings,
    usage: Usage,
    elapsed: Duration,
}

impl Run {
    fn hops(&self) -> u64 {
        self.report.hops.len() as u64
    }

    fn packets(&self) -> u64 {
        self.seen.packets.values().sum()
    }

    /// Packets of each flow that the observer sees, except for the last, which ends with the connection.
    fn flows(&self) -> Vec<u64> {
        let (_, ended) = self.seen.sources.split_last().unwrap();
        ended.iter().map(|source| self.seen.packets[source]).collect()
    }
}

#[derive(Clone, Copy)]
struct Job {
    policy: &'static str,
    requests: usize,
    size: u64,
    interval: Duration,
    one_way: Duration,
    lose: fn(bool, u64) -> bool,
}

impl Job {
    fn new(policy: &'static str, requests: usize) -> Self {
        Self { policy, requests, size: 2700, interval: Duration::ZERO, one_way: ONE_WAY, lose: |_, _| false }
    }
}

async fn run(identity: &Identity, server: SocketAddr, job: &Job) -> Run {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, job.one_way, job.lose).await;
    let options = Options {
        agent: agent.socket.clone(),
        server: through,
        server_name: "localhost".into(),
        uri: format!("https://localhost/{}", job.size).parse().unwrap(),
        roots: get::roots(&identity.certificate()).unwrap(),
        requests: job.requests,
        interval: job.interval,
        timeout: Duration::from_secs(10),
        policy: HopPolicy::Follow(Some(job.policy.parse().unwrap())),
        label: "test".into(),
    };
    let start = Instant::now();
    let report = get::run(options).await.unwrap();
    let elapsed = start.elapsed();
    assert_eq!((report.summary.requests, report.summary.failed), (job.requests, 0), "{:?}", report.requests);
    assert!(report.requests.iter().all(|request| request.bytes == job.size));
    assert_eq!(report.summary.links_seen, 0);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.assert_unlinkable();
    assert_eq!(seen.sources.len(), report.hops.len() + 1);
    let status = status::get(&agent.socket).await.unwrap();
    assert_eq!(status.usage.len(), 1);
    let usage = status.usage[0].clone();
    println!("{}", status::json(&status));
    assert_eq!((usage.application.as_str(), usage.policy.as_str()), ("test", job.policy));
    assert_eq!((usage.connections, usage.open), (1, 0));
    assert_eq!(usage.counts.as_ref().unwrap().hops, report.hops.len() as u64);
    Run { report, seen, usage, elapsed }
}

async fn with_both(job: Job, check: impl Fn(&Run)) {
    let identity = Identity::new();
    check(&run(&identity, quinn_server(&identity, true), &job).await);
    let server = Aioquic::start(&identity);
    check(&run(&identity, server.address, &job).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_so_many_packets() {
    let job = Job::new("every_packets: 25", 200);
    with_both(job, |run| {
        let allowed = run.packets() / 25;
        assert!(run.hops() <= allowed && run.hops() * 10 >= allowed * 8, "{} of {allowed}", run.hops());
        let counts = run.usage.counts.as_ref().unwrap();
        assert!(counts.validations * 10 >= counts.hops * 8, "{counts:?}");
        let validation = Duration::from_micros(counts.validation_us) / counts.validations as u32;
        assert!(validation >= ONE_WAY * 2 && validation < ONE_WAY * 10, "{validation:?}: a round trip");
        assert!(counts.padding_bytes == counts.hops * 2300, "{counts:?}");
        assert!(counts.probe_bytes > 0 && counts.padding_bytes + counts.probe_bytes < counts.bytes, "{counts:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_packets() {
    let job = Job::new("random_packets: {min: 20, max: 60}", 300);
    with_both(job, |run| {
        assert!(run.hops() <= run.packets() / 20 && run.hops() >= run.packets() / 80, "{}", run.hops());
        let flows = run.flows();
        let (shortest, longest) = (*flows.iter().min().unwrap(), *flows.iter().max().unwrap());
        assert!(longest - shortest >= 20, "they spread: {flows:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_time() {
    let job = Job::new("random_time: {min: 30ms, max: 90ms}", 300);
    with_both(job, |run| {
        let elapsed = run.elapsed.as_millis() as u64;
        assert!(run.hops() <= elapsed / 30 && run.hops() >= elapsed / 120, "{} in {elapsed} ms", run.hops());
        for pair in run.report.hops.windows(2) {
            let between = Duration::from_nanos(pair[1].unix_ns - pair[0].unix_ns);
            // Each is noted a little late.
            assert!(between > Duration::from_millis(20), "{between:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_after_so_many_packets() {
    let job = Job::new("once_after_packets: 30", 50);
    with_both(job, |run| {
        assert_eq!(run.hops(), 1);
        let first = run.flows()[0];
        assert!((30..60).contains(&first), "{first} packets before the hop");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_bursts() {
    let requests = 10;
    let job = Job { interval: Duration::from_millis(150), ..Job::new("between_bursts: {gap: 60ms}", requests) };
    // On a busy machine it is silent for as long also elsewhere.
    let allowed = requests - 1..=requests + 2;
    with_both(job, |run| assert!(allowed.contains(&(run.hops() as usize)), "{} hops between requests", run.hops()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_within_a_burst() {
    let job = Job { interval: Duration::from_millis(1), ..Job::new("between_bursts: {gap: 2s}", 100) };
    with_both(job, |run| assert_eq!(run.hops(), 0)).await;
}

/// With so few packets each hop's own packets would be reason enough for the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hop_does_not_cause_the_next() {
    let requests = 10;
    let job = Job { interval: Duration::from_millis(150), ..Job::new("every_packets: 2", requests) };
    with_both(job, |run| {
        // That of the last request may come too late.
        assert!((requests as u64 - 1..=2 * requests as u64 + 2).contains(&run.hops()), "{} hops", run.hops());
    })
    .await;
}

/// More hops are due than connection IDs are there: they are refused, not made linkable, and not forgotten. The server must be known
/// for that; until then there is a hop between two requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faster_than_a_round_trip() {
    let one_way = Duration::from_millis(20);
    let job = Job { one_way, size: 200_000, ..Job::new("random_time: {min: 1ms, max: 5ms}", 24) };
    with_both(job, |run| {
        let refusals = &run.usage.counts.as_ref().unwrap().refusals;
        let spent: u64 =
            refusals.iter().filter(|(reason, _)| reason.starts_with("no_spare")).map(|(_, count)| count).sum();
        assert!(run.hops() >= 20 && spent > 0, "{} hops, {refusals:?}", run.hops());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_loss() {
    let job = Job { lose: |_, number| number % 30 == 29, ..Job::new("random_packets: {min: 10, max: 40}", 200) };
    with_both(job, |run| assert!(run.hops() >= run.packets() / 60, "{} hops", run.hops())).await;
}

async fn two_connections(policy: Policy) -> [SocketAddr; 2] {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let (through, seen) = relay::start(quinn_server(&identity, true), ONE_WAY, |_, _| false).await;
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
    let connector = connector.policy(policy);
    let one = connector.connect(through, "localhost").await.unwrap();
    let other = connector.connect(through, "localhost").await.unwrap();
    let sources = [one.source().unwrap(), other.source().unwrap()];
    assert_eq!(seen.lock().unwrap().sources, sources);
    tokio::join!(one.close(), other.close());
    sources
}

#[tokio::test]
async fn per_connection_is_an_address_for_each_and_never_is_one_for_all() {
    let [one, other] = two_connections(Policy::PerConnection).await;
    assert_ne!(one.ip(), other.ip());
    let [one, other] = two_connections(Policy::Never).await;
    assert_eq!(one.ip(), other.ip());
    assert_ne!(one.port(), other.port());
}

#[tokio::test]
async fn the_agent_chooses_by_its_rules() {
    let rules: Rules = serde_yaml::from_str(
        "
        - { application: web, server_name: localhost, policy: { once_after_packets: 20 } }
        - { application: other, policy: { every_packets: 10 } }
        ",
    )
    .unwrap();
    let agent = TestAgent::start_with(somewhere(), Duration::from_secs(600), rules);
    let identity = Identity::new();
    let server = quinn_server(&identity, true);
    for (application, hops) in [("web", 1), ("unknown", 0)] {
        let options = Options {
            agent: agent.socket.clone(),
            server,
            server_name: "localhost".into(),
            uri: "https://localhost/2700".parse().unwrap(),
            roots: get::roots(&identity.certificate()).unwrap(),
            requests: 50,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
            policy: HopPolicy::Follow(None),
            label: application.into(),
        };
        let report = get::run(options).await.unwrap();
        assert_eq!((report.summary.failed, report.hops.len()), (0, hops), "{application}");
    }
    let usage = status::get(&agent.socket).await.unwrap().usage;
    let policies: Vec<_> = usage.iter().map(|usage| (usage.application.as_str(), usage.policy.as_str())).collect();
    assert_eq!(policies, [("unknown", "per_connection"), ("web", "once_after_packets: 20")]);
}
