//! Agent, proxy, relay and exit in this process, with real sockets between them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mimiq_agent::proxy::{ExitConfig, Proxy, ProxyConfig, ProxyStats};
use mimiq_agent::status;
use mimiq_exit::config::Config;
use mimiq_exit::users::{TokenHash, new_token};
use mimiq_exit::{Exit, ExitError};
use tokio::task::JoinHandle;

use crate::support::agent::{TestAgent, somewhere};
use crate::support::relay::{self, Sightings};
use crate::support::server::Identity;

/// An exit that lets in one user.
pub(crate) struct TestExit {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    token: String,
    task: JoinHandle<()>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl TestExit {
    pub(crate) fn start(more: &str) -> Self {
        // An address of its own, so that the port is still free when it comes again.
        let address = SocketAddr::from(([127, 3, rand::random(), rand::random()], 0));
        Self::start_at(address, Identity::new(), new_token(), more).unwrap()
    }

    fn start_at(listen: SocketAddr, identity: Identity, token: String, more: &str) -> Result<Self, ExitError> {
        let config = format!(
            "listen: {listen}\ntls: {{certificate: {}, key: {}}}\nusers: [{{name: alice, token_sha256: {}}}]\n{more}",
            identity.certificate().display(),
            identity.key().display(),
            TokenHash::of(&token)
        );
        let exit = Exit::start(&Config::parse(&config).unwrap())?;
        let address = exit.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(exit.run(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, identity, token, task, stop: Some(stop) })
    }

    /// Stops it as SIGTERM does, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.task).await.unwrap();
    }

    /// Takes it away without a word.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    /// The same again, at the same address, once it is free.
    pub(crate) async fn again(&mut self, more: &str) {
        let started = async {
            loop {
                let same = Identity { directory: copy(&self.identity) };
                match Self::start_at(self.address, same, self.token.clone(), more) {
                    Ok(exit) => return exit,
                    Err(ExitError::Listen { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        *self = tokio::time::timeout(Duration::from_secs(10), started).await.unwrap();
    }
}

fn copy(identity: &Identity) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in [identity.certificate(), identity.key()] {
        std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    folder
}

/// For targets on this host.
pub(crate) const LOOPBACK: &str = "destinations: {allow: [127.0.0.0/8]}\n";

/// The connection to the exit stays where it is.
pub(crate) const STAY: &str = "per_connection";
/// It hops as often as it can.
pub(crate) const OFTEN: &str = "random_time: {min: 15ms, max: 25ms}";

pub(crate) struct World {
    pub(crate) exit: TestExit,
    pub(crate) stats: ProxyStats,
    pub(crate) socks: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) seen: Arc<Mutex<Sightings>>,
    pub(crate) folder: tempfile::TempDir,
    proxy: JoinHandle<()>,
    policy: String,
    agent: TestAgent,
}

impl World {
    /// With one connection to the exit, so that whatever links two addresses is a failure.
    pub(crate) async fn start(policy: &str) -> Self {
        Self::with(TestExit::start(LOOPBACK), policy, 1, None).await
    }

    pub(crate) async fn with(exit: TestExit, policy: &str, connections: usize, token: Option<&str>) -> Self {
        let rules = serde_yaml::from_str(&format!("- application: mimiq-proxy\n  policy:\n    {policy}"));
        let agent = TestAgent::start_with(somewhere(), Duration::from_secs(600), rules.unwrap());
        let (through, seen) = relay::start(exit.address, Duration::from_millis(1), |_, _| false).await;
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, format!("{}\n", token.unwrap_or(&exit.token))).unwrap();
        let config = ProxyConfig {
            socks: Some("127.0.0.1:0".parse().unwrap()),
            http: Some("127.0.0.1:0".parse().unwrap()),
            exit: ExitConfig {
                address: through,
                name: "localhost".into(),
                ca: exit.identity.certificate(),
                token_file,
            },
            connections,
        };
        let proxy = Proxy::start(&config, &agent.socket).unwrap();
        let (socks, http, stats) = (proxy.socks().unwrap(), proxy.http().unwrap(), proxy.stats());
        let proxy = tokio::spawn(proxy.run());
        Self { exit, stats, socks, http, seen, folder, proxy, policy: policy.to_owned(), agent }
    }

    /// A relay that sees one connection, whose hops cannot be linked, and at least so many of them.
    pub(crate) async fn assert_unlinkable_hops(&self, least: u64) {
        let hops = self.stats.hops().await;
        println!("{hops} hops");
        assert!(hops >= least, "{hops} hops");
        {
            let seen = self.seen.lock().unwrap();
            seen.assert_unlinkable();
            assert!(seen.sources.len() as u64 > least, "{} sources", seen.sources.len());
        }
        // The agent hears of it, once a second at least.
        let told = async {
            loop {
                let usage = status::get(&self.agent.socket).await.unwrap().usage.remove(0);
                assert_eq!((usage.application.as_str(), usage.policy.as_str()), ("mimiq-proxy", self.policy.as_str()));
                if usage.counts.unwrap().hops >= least {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.proxy.abort();
        self.exit.kill();
    }
}

/// What `scripts/setup.sh` fetched.
pub(crate) fn testbed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

/// Runs a program to its end, and says what it printed. One that is missing is a failure.
pub(crate) async fn run(command: &mut tokio::process::Command) -> std::process::Output {
    let output = tokio::time::timeout(Duration::from_secs(120), command.kill_on_drop(true).output());
    let output = output.await.expect("the program hangs");
    output.unwrap_or_else(|error| panic!("{command:?}: {error}; run scripts/setup.sh test"))
}
