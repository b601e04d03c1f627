//! A download over several connections is what the server has, whatever happens to connections, addresses and the path; an observer
//! sees nothing that links them.

mod files;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use self::files::{Files, Ways};
use bytes::Bytes;
use mimiq_agent::get;
use mimiq_agent::policy::Rules;
use mimiq_agent::sdk::{Agent, Connector, Download, DownloadError, Padding, Stripes};

use crate::support::agent::{self, TestAgent};
use crate::support::relay;
use crate::support::rough::{self, Roughness};
use crate::support::server::{Aioquic, Identity};

const POLICY: &str = "stripes: {connections: 4, min: 60ms, max: 100ms}";
const SIZE: usize = 6_000_000;

fn content() -> Bytes {
    (0..SIZE as u32 / 4).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

fn nothing_lost(_: bool, _: u64) -> bool {
    false
}

async fn stripes(agent: &TestAgent, identity: &Identity, to: SocketAddr, policy: Option<&str>) -> Stripes {
    let tls = get::tls(get::roots(&identity.certificate()).unwrap()).unwrap();
    let connector = Connector::new(Agent::connect(&agent.socket).await.unwrap(), tls, Padding::Http3).unwrap();
    let connector = match policy {
        Some(policy) => connector.policy(policy.parse().unwrap()),
        None => connector,
    };
    Stripes::new(connector, to, "localhost")
}

async fn begin(stripes: &Stripes) -> Result<Download, DownloadError> {
    stripes.get("https://localhost/file.bin".parse().unwrap()).await
}

/// All of the body, or why not.
async fn body(mut download: Download) -> Result<Vec<u8>, DownloadError> {
    let mut body = Vec::new();
    let read = async {
        while let Some(bytes) = download.data().await? {
            body.extend_from_slice(&bytes);
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(Duration::from_secs(120), read).await.expect("the download stalled");
    tokio::time::timeout(Duration::from_secs(10), download.close()).await.expect("the end stalled");
    outcome.map(|()| body)
}

/// Downloads through a relay that takes down what an observer sees.
async fn observed(identity: &Identity, server: SocketAddr) {
    let agent = TestAgent::start(Duration::from_secs(600));
    let (through, seen) = relay::start(server, Duration::from_millis(10), nothing_lost).await;
    let stripes = stripes(&agent, identity, through, Some(POLICY)).await;
    // The server's class is not known the first time, and is the second.
    for _ in 0..2 {
        let download = begin(&stripes).await.unwrap();
        assert_eq!((download.head().status().as_u16(), download.is_striped()), (200, true));
        assert_eq!(download.head().headers()["content-length"], SIZE.to_string());
        assert!(body(download).await.unwrap() == content(), "other bytes than the server's");
    }
    let seen = seen.lock().unwrap();
    seen.assert_unlinked();
    let ports: BTreeSet<u16> = seen.sources.iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), seen.sources.len(), "a port was used at two addresses");
    println!("{} sources, {} handshakes", seen.sources.len(), seen.handshakes.len());
    assert!(seen.sources.len() >= 12, "{:?}", seen.sources);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quinn_is_unlinked() {
    let identity = Identity::new();
    let files = Files::start(&identity, content(), Ways::default());
    observed(&identity, files.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aioquic_is_unlinked() {
    let (identity, root) = (Identity::new(), tempfile::tempdir().unwrap());
    std::fs::write(root.path().join("file.bin"), content()).unwrap();
    let server = Aioquic::start_with(&identity, root.path());
    observed(&identity, server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forbids_migration_is_unlinked() {
    let identity = Identity::new();
    let files = Files::start(&identity, content(), Ways { forbids: true, ..Ways::default() });
    observed(&identity, files.address).await;
    assert!(files.connections.load(Ordering::Relaxed) >= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_are_lost_and_late() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file.bin"), content()).unwrap();
    let server = Aioquic::start_with(&identity, root.path());
    let roughness = Roughness { loss: 0.02, late: 0.02, one_way: Duration::from_millis(5) };
    let through = rough::start(server.address, roughness).await;
    let stripes = stripes(&agent, &identity, through, Some(POLICY)).await;
    assert!(body(begin(&stripes).await.unwrap()).await.unwrap() == content());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_die_are_replaced() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let files = Files::start(&identity, content(), Ways { dies_after: Some(2), ..Ways::default() });
    let (through, _) = relay::start(files.address, Duration::from_millis(5), nothing_lost).await;
    let stripes = stripes(&agent, &identity, through, Some(POLICY)).await;
    assert!(body(begin(&stripes).await.unwrap()).await.unwrap() == content());
    assert!(files.died.load(Ordering::Relaxed) >= 2, "none died");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_two_files_are_not_mixed() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let files = Files::start(&identity, content(), Ways { changes_after: Some(10), ..Ways::default() });
    let stripes = stripes(&agent, &identity, files.address, Some(POLICY)).await;
    let outcome = body(begin(&stripes).await.unwrap()).await;
    assert!(matches!(outcome, Err(DownloadError::Changed)), "{:?}", outcome.map(|body| body.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_parts_sends_the_whole() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let files = Files::start(&identity, content(), Ways { no_parts: true, ..Ways::default() });
    let stripes = stripes(&agent, &identity, files.address, Some(POLICY)).await;
    let download = begin(&stripes).await.unwrap();
    assert!(!download.is_striped());
    assert!(body(download).await.unwrap() == content());
    let missing = stripes.get("https://localhost/missing".parse().unwrap()).await.unwrap();
    assert_eq!(missing.head().status().as_u16(), 404);
}

/// Its parts could not be told from those of another file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_weak_validator_sends_the_whole() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let files = Files::start(&identity, content(), Ways { weak: true, ..Ways::default() });
    let download = begin(&stripes(&agent, &identity, files.address, Some(POLICY)).await).await.unwrap();
    assert_eq!((download.head().status().as_u16(), download.is_striped()), (200, false));
    assert!(body(download).await.unwrap() == content());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_refuses_is_given_up() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let files = Files::start(&identity, content(), Ways { overloaded_after: Some(3), ..Ways::default() });
    let stripes = stripes(&agent, &identity, files.address, Some(POLICY)).await;
    let outcome = body(begin(&stripes).await.unwrap()).await;
    assert!(matches!(outcome, Err(DownloadError::GivenUp(_))), "{:?}", outcome.map(|body| body.len()));
    assert!(files.connections.load(Ordering::Relaxed) <= 16, "{:?}", files.connections);
}

/// The agent's rules say who is striped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_is_the_agents() {
    let rules =
        "- { server_name: other, policy: never }\n- { policy: { stripes: { connections: 3, min: 1s, max: 2s } } }";
    let rules: Rules = serde_yaml::from_str(rules).unwrap();
    let (agent, identity) =
        (TestAgent::start_with(agent::somewhere(), Duration::from_secs(600), rules), Identity::new());
    let files = Files::start(&identity, content(), Ways::default());
    let from_rules = stripes(&agent, &identity, files.address, None).await;
    assert!(body(begin(&from_rules).await.unwrap()).await.unwrap() == content());
    assert_eq!(files.connections.load(Ordering::Relaxed), 3);
    let own = stripes(&agent, &identity, files.address, Some("random_time: {min: 50ms, max: 60ms}")).await;
    let download = begin(&own).await.unwrap();
    assert!(!download.is_striped());
    assert!(body(download).await.unwrap() == content());
    assert_eq!(files.connections.load(Ordering::Relaxed), 4);
}

/// As people call it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mimiq_get_downloads_into_a_file() {
    let (agent, identity) = (TestAgent::start(Duration::from_secs(600)), Identity::new());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file.bin");
    let get = async |files: &Files| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_mimiq-get"));
        command.arg("--agent").arg(&agent.socket).arg("--ca").arg(identity.certificate()).arg("--download").arg(&file);
        command.args(["--connect", &files.address.to_string(), "--policy", POLICY, "https://localhost/file.bin"]);
        command.kill_on_drop(true).output().await.unwrap()
    };
    let output = get(&Files::start(&identity, content(), Ways::default())).await;
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["bytes"], &report["striped"]), (&SIZE.into(), &true.into()));
    assert!(std::fs::read(&file).unwrap() == content());

    // What is not complete is not left behind.
    let changing = Files::start(&identity, content(), Ways { changes_after: Some(10), ..Ways::default() });
    let output = get(&changing).await;
    assert!(!output.status.success() && !file.exists(), "{output:?}");
}
