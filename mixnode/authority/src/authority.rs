//! The authority as a daemon.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::keeper::{Keeper, NotOpened};
use crate::service::{self, Shared};
use crate::store::{Store, StoreError};
use crate::{peers, telemetry};

/// Why an authority could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be bound.
    #[error("listen: {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// What was stored cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody could trust such authorities.
    #[error("policy: {0}")]
    Trust(#[from] mimiq_directory::TrustError),
    /// Metrics cannot be served.
    #[error("metrics: {address}: {error}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: metrics_exporter_prometheus::BuildError,
    },
}

/// An authority that listens. Dropped, it ends as if it were killed.
pub struct Authority {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    service: JoinSet<()>,
    /// What asks others. Nothing of it needs an orderly end.
    askers: JoinSet<()>,
}

impl Authority {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// If the address cannot be bound, or what was stored cannot be used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let address = config.listen;
        let listener = TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })?;
        Self::on(listener, config)
    }

    /// Serves on a socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If what was stored cannot be used.
    pub fn on(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        let listen = |error| StartError::Listen { address: config.listen, error };
        let address = listener.local_addr().map_err(listen)?;
        let (period, nodes) = (peers::period(config.policy.round), config.policy.admitted().count());
        let store = Store::open(&config.data)?;
        let keeper = Keeper::open(config.key, config.policy, store, peers::now()).map_err(|error| match error {
            NotOpened::Store(error) => StartError::Store(error),
            NotOpened::Trust(error) => StartError::Trust(error),
        })?;
        let shared = Shared::new(keeper);
        let (stop, stopped) = watch::channel(false);
        let (mut service, mut askers) = (JoinSet::new(), JoinSet::new());
        service.spawn(service::serve(listener, shared.clone(), stopped));
        askers.spawn(peers::propose(shared.clone(), period));
        for peer in config.peers {
            askers.spawn(peers::Asker::new(shared.clone(), peer, nodes).run(period));
        }
        tracing::info!(listen = %address, "ready");
        Ok(Self { address, shared, stop, service, askers })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: answers that are under way may end. Afterwards nothing is written any more.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.askers.shutdown().await;
        while self.service.join_next().await.is_some() {}
        self.shared.rest().await;
    }
}

/// Runs an authority, with metrics if they are wanted, until `stop` ends.
///
/// # Errors
/// If it cannot start.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), StartError> {
    if let Some(address) = config.metrics {
        telemetry::serve(address).map_err(|error| StartError::Metrics { address, error })?;
    }
    let authority = Authority::start(config).await?;
    stop.await;
    tracing::info!("stopping");
    authority.stop().await;
    Ok(())
}
