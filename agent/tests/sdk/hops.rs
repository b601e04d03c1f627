//! Hops against real servers, as an observer between them sees them.

use std::net::SocketAddr;
use std::time::Duration;

use mimiq_agent::daemon::Event;
use mimiq_agent::get::{self, HopPolicy, Options, Report, Timing};
use mimiq_agent::sdk::{Agent, Connector, HopError, Hopping, Padding, Refusal};

use crate::support::agent::TestAgent;
use crate::support::relay;
use crate::support::server::{Aioquic, Identity, quinn_server, quinn_server_that_repeats_ids};

fn options(agent: &TestAgent, identity: &Identity, server: SocketAddr, policy: HopPolicy) -> Options {
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

async fn connect(agent: &TestAgent, identity: &Identity, server: SocketAddr) -> Hopping {
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
    connector.connect(server, "localhost").await.unwrap()
}

fn assert_all_ok(report: &Report, requests: usize) {
    let failed: Vec<_> = report.requests.iter().filter(|request| !request.ok).collect();
    assert!(failed.is_empty() && report.requests.len() == requests, "{failed:?}, {:?}", report.summary);
    assert!(report.requests.iter().all(|request| request.bytes == 2700));
}

fn nothing_lost(_: bool, _: u64) -> bool {
    false
}

async fn a_thousand_hops(identity: &Identity, server: SocketAddr) {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, Duration::from_millis(1), nothing_lost).await;
    let policy = HopPolicy::Every(1, Timing::Early);
    let report = get::run(Options { requests: 1001, ..options(&agent, identity, through, policy) }).await.unwrap();
    assert_all_ok(&report, 1001);
    println!("{:?} {:?}", report.summary, report.hop_refusals);
    assert!(report.hops.len() >= 990, "{:?}", report.hop_refusals);
    assert_eq!(report.summary.links_seen, 0);
    let seen = seen.lock().unwrap();
    seen.assert_unlinkable();
    assert_eq!(seen.sources.len(), report.hops.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hops_with_quinn() {
    let identity = Identity::new();
    a_thousand_hops(&identity, quinn_server(&identity, true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hops_with_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    a_thousand_hops(&identity, server.address).await;
}

/// Hops as fast as the gate lets them through while requests are under way.
async fn hops_faster_than_a_round_trip(identity: &Identity, server: SocketAddr, lose: fn(bool, u64) -> bool) {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, Duration::from_millis(10), lose).await;
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
    let hopping = connector.connect(through, "localhost").await.unwrap();
    let (mut driver, mut sender) =
        h3::client::new(h3_quinn::Connection::new(hopping.connection().clone())).await.unwrap();
    tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    let (mut hops, mut refused) = (0, 0);
    for _ in 0..40 {
        let request = async {
            let mut stream = sender.send_request(http::Request::get("https://localhost/2700").body(())?).await?;
            stream.finish().await?;
            let status = stream.recv_response().await?.status();
            while stream.recv_data().await?.is_some() {}
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(status)
        };
        let hopper = async {
            for _ in 0..6 {
                match hopping.hop().await {
                    Ok(_) => hops += 1,
                    Err(HopError::Refused(_)) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let (status, ()) = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(request, hopper) })
            .await
            .expect("the connection stalled");
        assert_eq!(status.unwrap(), 200);
    }
    println!("{hops} hops, {refused} refused, {:?}", hopping.stats());
    assert!(hops >= 20 && refused > 0, "{hops} hops, {refused} refused");
    assert_eq!(hopping.stats().links_seen, 0);
    seen.lock().unwrap().assert_unlinkable();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hops_faster_than_a_round_trip_with_quinn() {
    let identity = Identity::new();
    hops_faster_than_a_round_trip(&identity, quinn_server(&identity, true), nothing_lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hops_faster_than_a_round_trip_with_aioquic() {
    let identity = Identity::new();
    let server = Aioquic::start(&identity);
    hops_faster_than_a_round_trip(&identity, server.address, nothing_lost).await;
}

async fn requests_survive_loss(lose: fn(bool, u64) -> bool) {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let (through, seen) = relay::start(server, Duration::from_millis(1), lose).await;
    let policy = HopPolicy::Every(1, Timing::Early);
    let report = get::run(Options { requests: 300, ..options(&agent, &identity, through, policy) }).await.unwrap();
    println!("{:?} {:?}", report.summary, report.hop_refusals);
    assert_all_ok(&report, 300);
    assert!(report.hops.len() >= 150, "hopping goes on: {:?}", report.hop_refusals);
    // Where an address stays in doubt and there is no connection ID for the next, another connection takes over.
    if report.rollovers.is_empty() {
        seen.lock().unwrap().assert_unlinkable();
    } else {
        seen.lock().unwrap().assert_unlinked();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_survive_the_loss_of_every_twentieth_packet() {
    requests_survive_loss(|_, number| number % 20 == 19).await;
}

/// If answers to the server's PATH_CHALLENGE are lost, it goes back to the address before, with the connection ID of the new
/// one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_survive_the_loss_of_every_fourth_packet() {
    requests_survive_loss(|_, number| number % 4 == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_repeats_connection_ids_links_nothing() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server_that_repeats_ids(&identity);
    let (through, seen) = relay::start(server, Duration::from_millis(1), nothing_lost).await;
    let policy = HopPolicy::Every(1, Timing::Early);
    let report = get::run(Options { requests: 200, ..options(&agent, &identity, through, policy) }).await.unwrap();
    println!("{:?} {:?}", report.summary, report.hop_refusals);
    assert_all_ok(&report, 200);
    assert!(report.hop_refusals.contains_key("repeated_server_id"), "{:?}", report.hop_refusals);
    let moves = report.hops.len() + report.rollovers.len();
    assert!(moves >= 100, "it goes on: {moves}, {:?}", report.hop_refusals);
    // If the last ID of a connection is a repeated one, another connection takes over.
    seen.lock().unwrap().assert_unlinked();
}

#[tokio::test]
async fn a_server_that_forbids_migration_is_not_migrated() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, false);
    let hopping = connect(&agent, &identity, server).await;
    let first = hopping.source();
    let confirmed = async {
        loop {
            match hopping.hop().await {
                Err(HopError::Refused(Refusal::HandshakeNotConfirmed)) => tokio::task::yield_now().await,
                outcome => break outcome.unwrap_err(),
            }
        }
    };
    let refusal = tokio::time::timeout(Duration::from_secs(10), confirmed).await.unwrap();
    assert!(matches!(refusal, HopError::Refused(Refusal::MigrationForbidden)), "{refusal}");
    assert_eq!((hopping.source(), hopping.stats().hops), (first, 0));
    // A session changes connections instead.
    let policy = HopPolicy::Every(1, Timing::Before);
    let report = get::run(Options { requests: 5, ..options(&agent, &identity, server, policy) }).await.unwrap();
    assert_all_ok(&report, 5);
    assert_eq!((report.hops.len(), report.rollovers.len(), report.addresses.len()), (0, 4, 5));
    assert!(report.hop_refusals.is_empty(), "{:?}", report.hop_refusals);
}

#[tokio::test]
async fn without_a_policy_it_stays_and_without_need_it_does_not_take() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let report =
        get::run(Options { requests: 5, ..options(&agent, &identity, server, HopPolicy::Never) }).await.unwrap();
    assert_all_ok(&report, 5);
    assert_eq!((report.hops.len(), report.addresses.len()), (0, 1));
    // When the connection is closed, the address goes back.
    tokio::time::timeout(Duration::from_secs(10), agent.back()).await.unwrap();
    assert_eq!(agent.released.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_address_that_ends_is_left() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let server = quinn_server(&identity, true);
    let hopping = connect(&agent, &identity, server).await;
    let first = hopping.source().unwrap();
    agent.events.send(Event::Revoked(vec![first.ip()])).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), async {
        while hopping.source() == Some(first) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_ne!(hopping.source().unwrap().ip(), first.ip());
    assert_eq!(hopping.stats().hops, 1);
}
