//! A provider, clients of it, and what its metrics say.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use mimiq_access::{
    Access, AccessConfig, AccountId, Client, InboxLimits, Limits, Message, Published, Pull, Registration, Shape, Store,
    client_quic, client_tls,
};
use mimiq_directory::{Hex32, Rates, SigningKey};
use mimiq_sphinx::Geometry;
use quinn::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const SLOTS: u32 = 5;
const PROVIDER: [u8; 32] = [77; 32];
/// Enough for everything here on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn shape() -> Shape {
    // Slow: in these tests it is the burst that counts.
    shape_with(0.001, SLOTS)
}

pub(crate) fn shape_with(pull: f64, messages_per_pull: u32) -> Shape {
    let (mu, lambda_p, lambda_l, lambda_d, lambda_m) = (1.0, 1.0, 1.0, 1.0, 1.0);
    let rates = Rates { mu, lambda_p, lambda_l, lambda_d, lambda_m, pull, messages_per_pull };
    Shape::new(Geometry::default(), &rates).unwrap()
}

pub(crate) fn config() -> AccessConfig {
    let limits = Limits { packets_per_second: 0.001, packet_burst: 50, pull_burst: 50, connections: 20 };
    let inbox = InboxLimits { messages: 100, age_s: 1_000_000 };
    AccessConfig { registration: Registration::Open, tokens: vec![], blocked: vec![], limits, inbox }
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    SigningKey::from_seed(&[seed; 32]).unwrap().public_key().0
}

pub(crate) fn account(seed: u8) -> AccountId {
    AccountId::of(&public(seed))
}

pub(crate) fn payload(number: u8) -> Vec<u8> {
    vec![number; shape().payload_len()]
}

pub(crate) fn open(folder: &Path) -> Arc<Store> {
    Arc::new(Store::open(&folder.join("inboxes"), config().inbox, shape().payload_len()).unwrap())
}

/// Waits for something to be seen; fails if it is not seen soon.
pub(crate) async fn eventually(what: &str, mut seen: impl FnMut() -> bool) {
    let polled = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, polled).await.is_ok(), "{what}");
}

/// Fails if it takes longer than it may.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it took too long")
}

pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Store>,
    /// Packets that were handed on.
    pub(crate) packets: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Whether there is no room for packets.
    pub(crate) overloaded: Arc<AtomicBool>,
    pub(crate) state: watch::Sender<Published>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Provider {
    pub(crate) fn start(config: &AccessConfig, folder: &Path) -> Self {
        Self::with(config, open(folder))
    }

    pub(crate) fn with(config: &AccessConfig, store: Arc<Store>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (sender, packets) = mpsc::unbounded_channel();
        let overloaded = Arc::new(AtomicBool::new(false));
        let (state, published) = watch::channel(Published { serial: 0, shape: shape(), envelope: Arc::from([]) });
        let full = overloaded.clone();
        let take = move |packet: &[u8]| !full.load(Ordering::Relaxed) && sender.send(packet.to_vec()).is_ok();
        let access = Access::start(config, socket, &PROVIDER, store.clone(), take, published).unwrap();
        let address = access.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(access.run(async {
            let _ = stopped.await;
        }));
        Self { address, store, packets, overloaded, state, stop, task }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        soon(self.task).await.unwrap();
    }

    pub(crate) async fn connect(&self, seed: u8) -> Connection {
        connect(self.address, seed).await.1
    }

    pub(crate) async fn client(&self, seed: u8) -> Client {
        soon(Client::hello(self.connect(seed).await, shape(), None)).await.unwrap()
    }

    /// Puts messages into an inbox, and waits until they are there.
    pub(crate) async fn deliver(&self, seed: u8, numbers: std::ops::RangeInclusive<u8>) {
        for number in numbers.clone() {
            self.store.deliver(account(seed), [number; 16], &payload(number)).unwrap();
        }
        let numbers: Vec<u8> = numbers.collect();
        eventually("messages are committed", || self.inbox(seed).ends_with(&numbers)).await;
    }

    /// The numbers in the payloads of all messages in an inbox.
    pub(crate) fn inbox(&self, seed: u8) -> Vec<u8> {
        numbers(&self.store.pull(account(seed), Pull::after(0), 1000).unwrap())
    }
}

pub(crate) fn numbers(messages: &[Message]) -> Vec<u8> {
    let whole =
        |message: &Message| message.payload == payload(message.payload[0]) && message.id == [message.payload[0]; 16];
    assert!(messages.iter().all(whole));
    messages.iter().map(|message| message.payload[0]).collect()
}

/// A client's endpoint.
pub(crate) fn endpoint(seed: u8) -> quinn::Endpoint {
    let mut endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let tls = client_tls(&[seed; 32], &Hex32::from(public(PROVIDER[0]))).unwrap();
    endpoint.set_default_client_config(client_quic(tls).unwrap());
    endpoint
}

/// A client's endpoint and connection, to a provider that is at this address.
pub(crate) async fn connect(address: SocketAddr, seed: u8) -> (quinn::Endpoint, Connection) {
    let endpoint = endpoint(seed);
    let connection = soon(endpoint.connect(address, "provider").unwrap()).await.unwrap();
    (endpoint, connection)
}

/// The metrics of this thread, on which all tasks of a test run.
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    pub(crate) fn new() -> (Self, PrometheusRecorder) {
        let recorder = PrometheusBuilder::new().build_recorder();
        (Self(recorder.handle()), recorder)
    }

    pub(crate) fn record(recorder: &PrometheusRecorder) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(recorder)
    }

    /// A metric's value, by its name and labels as Prometheus writes them.
    pub(crate) fn get(&self, name: &str) -> u64 {
        let text = self.0.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}
