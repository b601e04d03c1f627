//! A provider's end: takes clients' connections until it is told to stop.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimiq_directory::Hex32;
use quinn::crypto::rustls::NoInitialCipherSuite;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{AccessConfig, ConfigError, Registration};
use crate::connection::{self, PATIENCE};
use crate::inbox::Store;
use crate::places::Places;
use crate::{AccountId, Shape, codes, quic, tls};

/// How long it takes to tell clients that connections are closed.
const CLOSE: Duration = Duration::from_secs(1);

/// Why a provider cannot take connections.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The identity is of no use.
    #[error("identity: {0}")]
    Tls(#[from] rustls::Error),
    /// No cipher suite for QUIC's initial packets.
    #[error("identity: {0}")]
    Quic(#[from] NoInitialCipherSuite),
    /// The socket is of no use.
    #[error("socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// The network's state as clients get it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its serial.
    pub serial: u64,
    /// What it says of the connections of clients.
    pub shape: Shape,
    /// The signed envelope, as it is published.
    pub envelope: Arc<[u8]>,
}

/// Takes a packet, if there is room for it.
type HandOn = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) registration: Registration,
    pub(crate) tokens: HashSet<Hex32>,
    pub(crate) blocked: HashSet<AccountId>,
    pub(crate) places: Places,
    pub(crate) store: Arc<Store>,
    pub(crate) packets: HandOn,
    pub(crate) state: watch::Receiver<Published>,
    started: Instant,
}

impl Shared {
    /// What the newest state says of connections.
    pub(crate) fn shape(&self) -> Shape {
        self.state.borrow().shape
    }

    /// Nanoseconds since the start: enough for 584 years.
    pub(crate) fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// A provider that listens for clients.
pub struct Access {
    endpoint: quinn::Endpoint,
    connections: usize,
    shared: Arc<Shared>,
}

impl Access {
    /// Listens. `seed` is that of the node's identity; `packets` is given the packets of clients, and says whether there was room for them; `state` is
    /// what clients get as the network's state, and what is followed here. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the configuration makes no sense, or the socket or the identity cannot be used.
    pub fn start(
        config: &AccessConfig,
        socket: UdpSocket,
        seed: &[u8; 32],
        store: Arc<Store>,
        packets: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
        state: watch::Receiver<Published>,
    ) -> Result<Self, StartError> {
        config.check()?;
        let server = quic::server_quic(tls::server_tls(seed)?)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = quinn::Endpoint::new(quic::endpoint(seed), Some(server), socket, runtime)?;
        let shared = Shared {
            registration: config.registration,
            tokens: config.tokens.iter().copied().collect(),
            blocked: config.blocked.iter().copied().collect(),
            places: Places::new(config.limits),
            store,
            packets: Box::new(packets),
            state,
            started: Instant::now(),
        };
        Ok(Self { endpoint, connections: config.limits.connections, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Serves until `stop` ends; then clients are told.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.connections));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => {
                    let Some(incoming) = incoming else { break };
                    // Half full: places only for those who really are where they seem to be (RFC 9000 §8.1.2).
                    if room.available_permits() < self.connections.div_ceil(2) && incoming.may_retry() {
                        // It may, so it does not fail.
                        let _ = incoming.retry();
                        continue;
                    }
                    let Ok(place) = room.clone().try_acquire_owned() else {
                        refused("full");
                        incoming.refuse();
                        continue;
                    };
                    let shared = self.shared.clone();
                    connections.spawn(async move {
                        match timeout(PATIENCE, async { incoming.accept()?.await }).await {
                            Ok(Ok(connection)) => connection::serve(shared, connection).await,
                            _ => refused("handshake"),
                        }
                        drop(place);
                    });
                }
                Some(_) = connections.join_next() => {}
                () = &mut stop => break,
            }
        }
        self.endpoint.set_server_config(None);
        self.endpoint.close(codes::STOPPED.into(), b"");
        let closed = async {
            while connections.join_next().await.is_some() {}
            self.endpoint.wait_idle().await;
        };
        let _ = timeout(CLOSE, closed).await;
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("mimiq_provider_connections_refused_total", "reason" => reason).increment(1);
}
