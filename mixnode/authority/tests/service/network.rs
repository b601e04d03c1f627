//! Authorities that run, on loopback, with clocks that are the machine's: rounds of a second, epochs of four.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mimiq_authority::{Authority, BaseUrl, Config, Follower, Peer, Store};
use mimiq_directory::{Descriptor, Directory, Epochs, Policy};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::setup::{NETWORK, NODES, descriptor, identity, key, policy, statement, trust};

/// Enough for everything here on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn url(address: SocketAddr) -> BaseUrl {
    format!("http://{address}").parse().unwrap()
}

/// Three authorities, two of which must sign; 101 is the first.
pub(crate) struct Network {
    pub(crate) policy: Policy,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) running: Vec<Option<Authority>>,
    pub(crate) folder: TempDir,
}

impl Network {
    pub(crate) async fn start() -> Self {
        let policy = policy(3, 2, 1, Epochs { genesis: now() - 400, length: 4 });
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        }
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let mut network = Self { policy, folder: tempfile::tempdir().unwrap(), addresses, running: Vec::new() };
        for (number, listener) in listeners.into_iter().enumerate() {
            network.running.push(Some(Authority::on(listener, network.config(number)).unwrap()));
        }
        network
    }

    /// Ends all, so that nothing is written where the folder was.
    pub(crate) async fn stop(mut self) {
        for number in 0..3 {
            match self.running.get_mut(number).and_then(Option::take) {
                Some(authority) => authority.stop().await,
                None => drop(self.free(number).await),
            }
        }
        self.folder.close().unwrap();
    }

    pub(crate) fn config(&self, number: usize) -> Config {
        let peer = |other: usize| Peer { identity: identity(101 + other as u8), url: url(self.addresses[other]) };
        Config {
            listen: self.addresses[number],
            policy: self.policy.clone(),
            key: key(101 + number as u8),
            data: self.folder.path().join(format!("authority-{number}")),
            peers: (0..3).filter(|other| *other != number).map(peer).collect(),
            metrics: None,
        }
    }

    /// Follows some of the authorities.
    pub(crate) fn follower(&self, authorities: &[usize], file: &str) -> Follower {
        let urls = authorities.iter().map(|number| url(self.addresses[*number])).collect();
        self.follower_of(urls, file)
    }

    pub(crate) fn follower_of(&self, urls: Vec<BaseUrl>, file: &str) -> Follower {
        Follower::new(trust(&self.policy), NETWORK.to_owned(), urls, self.folder.path().join(file)).unwrap()
    }

    /// The folder of an authority that was killed, once its last writes have ended.
    pub(crate) async fn free(&self, number: usize) -> Store {
        let folder = self.config(number).data;
        let open = async {
            loop {
                match Store::open(&folder) {
                    Ok(store) => return store,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, open).await.unwrap()
    }

    /// What each node says, with keys for all of a test's epochs.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = Descriptor> {
        let epoch = self.policy.epochs.at(now()).unwrap();
        NODES.map(move |node| descriptor(&statement(node, 1, epoch..epoch + 40)))
    }
}

/// Asks until a state is as wanted.
pub(crate) async fn fetch_until(follower: &Follower, wanted: impl Fn(&Directory) -> bool) -> Directory {
    let poll = async {
        loop {
            // An error is one of those that the test brought about, or the state never comes.
            if let Ok(Some(directory)) = follower.fetch(now()).await
                && wanted(&directory)
            {
                return directory;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_go_on_when_one_of_three_is_killed_and_when_it_comes_back() {
    let mut network = Network::start().await;
    let follower = network.follower(&[0, 1, 2], "seen");
    assert_eq!(follower.fetch(now()).await.unwrap().map(|directory| directory.seen()), None, "no state yet");
    assert!(follower.envelope().is_none());

    // All nodes tell one authority only.
    let teller = network.follower(&[0], "teller");
    for descriptor in network.descriptors() {
        assert_eq!(teller.publish(&descriptor).await.unwrap(), 1);
    }
    let first = fetch_until(&follower, |directory| directory.state().nodes.len() == 8).await;
    let envelope: mimiq_directory::Envelope = serde_json::from_slice(&follower.envelope().unwrap()).unwrap();
    assert!(envelope.signatures.len() >= 2);
    // Those that nobody told have it as well.
    for authority in [1, 2] {
        let other = network.follower(&[authority], &format!("of {authority}"));
        fetch_until(&other, |directory| directory.state().nodes.len() == 8).await;
    }

    // Killed, with the requests that it makes and answers; the ones that are left go on, with all nodes.
    drop(network.running[0].take());
    let later = |directory: &Directory| directory.state().valid_after > first.state().valid_after;
    let second = fetch_until(&follower, later).await;
    assert!(second.state().serial > first.state().serial);
    assert_eq!(second.state().nodes.len(), 8);

    // It comes back, and with another one dead its signature is needed.
    let stopped = network.running[1].take().unwrap();
    stopped.stop().await;
    network.running[0] = Some(restart(&network, 0).await);
    let later = |directory: &Directory| directory.state().valid_after > second.state().valid_after;
    let third = fetch_until(&follower, later).await;
    assert_eq!(third.state().nodes.len(), 8, "it has forgotten no descriptor");
    network.stop().await;
}

async fn restart(network: &Network, number: usize) -> Authority {
    drop(network.free(number).await);
    Authority::start(network.config(number)).await.unwrap()
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop() {
    let mut network = Network::start().await;
    network.running.clear();
    let mut config = network.config(0);
    // An address that nobody else uses, so that the port is free.
    config.listen = SocketAddr::from(([127, 3, rand::random(), rand::random()], 9580));
    config.data = network.folder.path().join("alone");
    let (data, follower) = (config.data.clone(), network.follower_of(vec![url(config.listen)], "seen"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(mimiq_authority::run(config, async { drop(stopped.await) }));
    let answers = async {
        while follower.fetch(now()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.unwrap();
    assert!(Store::open(&data).is_err(), "it uses the folder");
    stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    Store::open(&data).unwrap();
    assert!(follower.fetch(now()).await.is_err());
    network.stop().await;
}
