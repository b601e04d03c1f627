//! Hops against real servers, as an observer between them sees them.

mod support;

use std::time::Duration;

use mimiq_agent::get::{self, HopPolicy, Options, Report, Timing};
use support::agent::TestAgent;
use support::relay;
use support::server::{Aioquic, Identity, quinn_server};

fn options(agent: &TestAgent, identity: &Identity, server: std::net::SocketAddr, policy: HopPolicy) -> Options {
    Options {
        agent: agent.socket.clone(),
        server,
        server_name: "localhost".into(),
        uri: "https://localhost/2700".parse().unwrap(),
        roots: get::roots(&identity.certificate()).unwrap(),
        requests: 100,
        interval: Duration::ZERO,
        timeout: Duration::from_secs(10),
        policy,
        label: "test".into(),
    }
}

fn assert_all_ok(report: &Report, requests: usize) {
    let failed: Vec<_> = report.requests.iter().filter(|request| !request.ok).collect();
    assert!(failed.is_empty() && report.requests.len() == requests, "{failed:?}, {:?}", report.summary);
    assert!(report.requests.iter().all(|request| request.bytes == 2700));
}

fn nothing_lost(_: bool, _: u64) -> bool {
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hops_with_quinn() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let (through, seen) = relay::start(server, Duration::from_millis(1), nothing_lost).await;
    let policy = HopPolicy::Every(1, Timing::Early);
    let report = get::run(Options { requests: 1001, ..options(&agent, &identity, through, policy) }).await.unwrap();
    assert_all_ok(&report, 1001);
    println!("{:?} {:?}", report.summary, report.hop_refusals);
    assert!(report.hops.len() >= 990, "{:?}", report.hop_refusals);
    let seen = seen.lock().unwrap();
    seen.assert_unlinkable();
    assert_eq!(seen.sources.len(), report.hops.len() + 1);
}
