//! The exit: takes connections until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::connection;
use crate::destination::Policy;
use crate::limits::Usage;
use crate::tls::{self, TlsError};
use crate::users::Users;

/// How long tunnels may go on after the exit was told to stop.
const DRAIN: Duration = Duration::from_secs(3);
/// How long it takes to tell clients that connections are closed.
const CLOSE: Duration = Duration::from_secs(1);
/// `H3_NO_ERROR`.
const H3_NO_ERROR: u32 = 0x100;

/// Why the exit could not start.
#[derive(Debug, thiserror::Error)]
pub enum ExitError {
    /// Its identity is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be bound.
    #[error("listen: {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) users: Users,
    pub(crate) policy: Policy,
    pub(crate) usage: Usage,
}

/// A proxy that listens.
pub struct Exit {
    endpoint: quinn::Endpoint,
    shared: Arc<Shared>,
}

impl Exit {
    /// Listens. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If something that the configuration names is of no use.
    pub fn start(config: &Config) -> Result<Self, ExitError> {
        let (endpoint_config, server_config) = tls::configs(&config.tls, config.first_packets)?;
        let listen = |source| ExitError::Listen { address: config.listen, source };
        let socket = std::net::UdpSocket::bind(config.listen).map_err(listen)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = quinn::Endpoint::new(endpoint_config, Some(server_config), socket, runtime).map_err(listen)?;
        let usage = Usage::new(config.limits.clone());
        Ok(Self { endpoint, shared: Arc::new(Shared { users: config.users(), policy: config.policy(), usage }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Serves until `stop` ends; then clients are told, and tunnels may end by themselves for a moment.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let most = self.shared.usage.limits().connections;
        let room = Arc::new(Semaphore::new(most));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => {
                    let Some(incoming) = incoming else { break };
                    // Half full: places only for those who really are where they seem to be (RFC 9000 §8.1.2).
                    if room.available_permits() < most / 2 && incoming.may_retry() {
                        // It may, so it does not fail.
                        let _ = incoming.retry();
                        continue;
                    }
                    let Ok(place) = room.clone().try_acquire_owned() else {
                        metrics::counter!("mimiq_exit_connections_refused_total", "reason" => "full").increment(1);
                        incoming.refuse();
                        continue;
                    };
                    let (shared, stopped) = (self.shared.clone(), stopped.clone());
                    connections.spawn(async move {
                        connection::serve(shared, incoming, stopped).await;
                        drop(place);
                    });
                }
                Some(_) = connections.join_next() => {}
                () = &mut stop => break,
            }
        }
        // New ones are refused by the endpoint; those that are there refuse new tunnels.
        self.endpoint.set_server_config(None);
        stopping.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::info!("tunnels are cut off");
        }
        self.endpoint.close(H3_NO_ERROR.into(), b"");
        let closed = async {
            while connections.join_next().await.is_some() {}
            self.endpoint.wait_idle().await;
        };
        let _ = tokio::time::timeout(CLOSE, closed).await;
    }
}
