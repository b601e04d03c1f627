//! The controller as a whole: sessions, pool and service put together.

use std::{io, sync::Arc, time::Duration};

use metrics::gauge;
use quinn::{Endpoint, TokioRuntime};
use tokio::task::JoinHandle;

use crate::{
    admin::{self, AdminError, Doors},
    advise::Advisor,
    allocator::Allocator,
    config::Config,
    live::{Live, Parts, ReloadError},
    relay::{RelaySocket, Tunnels},
    service::Service,
    store::Store,
    tls::{Identity, TlsError, endpoint_config},
};

/// How long clients have to take note that the server stops.
const DRAIN: Duration = Duration::from_millis(500);

/// Why the controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pools cannot be made.
    #[error("timing")]
    Policy(#[from] mimiq_addressing::PolicyError),
    /// The switches do not go together, or the identity does not fit.
    #[error(transparent)]
    Live(#[from] ReloadError),
    /// The identity cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The state file cannot be used.
    #[error("state_file: {path}", path = .path.display())]
    Store {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<redb::Error>,
    },
    /// The relay address cannot be bound.
    #[error("relay: {address}")]
    Relay {
        /// The address.
        address: std::net::SocketAddrV6,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The admin API cannot be served.
    #[error("admin: {address}")]
    Admin {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        #[source]
        source: AdminError,
    },
}

/// A running controller.
pub struct Controller {
    allocator: Arc<Allocator>,
    service: Arc<Service>,
    live: Arc<Live>,
    tasks: Vec<JoinHandle<()>>,
}

impl Controller {
    /// Starts everything; the switches need not be there yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If a file or the relay address cannot be used.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let identity = Identity::load(&config.pki)?;
        let server = identity.service()?;
        let store_error = |source| StartError::Store { path: config.state_file.clone(), source: Box::new(source) };
        let store = Arc::new(Store::open(&config.state_file).map_err(store_error)?);
        let election_id = store.next_election_id().map_err(store_error)?;
        let allocator = Arc::new(Allocator::new(config.settings(), store.get().map_err(store_error)?)?);

        let tunnels = Tunnels::default();
        let socket = RelaySocket::bind(config.relay, tunnels.clone(), config.limits.datagrams_per_port)
            .map_err(|source| StartError::Relay { address: config.relay, source })?;
        let socket = Arc::new(socket);
        let (endpoint_config, runtime) = (endpoint_config(&config.pki)?, Arc::new(TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(endpoint_config, Some(server), socket.clone(), runtime)
            .map_err(|source| StartError::Relay { address: config.relay, source })?;

        gauge!("mimiq_controller_election_id").set(election_id.0 as f64);
        let mut tasks = Vec::new();
        let storing = allocator.clone();
        tasks.push(tokio::spawn(async move { storing.keep_stored(store).await }));
        let service = Arc::new(Service::new(endpoint, allocator.clone()));
        let doors = Arc::new(Doors::default());
        let parts =
            Parts { allocator: allocator.clone(), service: service.clone(), socket, tunnels, doors, election_id };
        let live = Arc::new(Live::start(parts, config, &identity)?);
        allocator.with(|core, now| core.start(now));
        let following = allocator.clone();
        tasks.push(tokio::spawn(async move { following.follow_deadlines().await }));
        let serving = service.clone();
        tasks.push(tokio::spawn(async move { serving.run().await }));
        if let Some(address) = config.admin {
            let advisor = Arc::new(Advisor::new(allocator.clone(), config.timing.t_remove));
            let admin = admin::serve(address, live.clone(), advisor.clone());
            tasks.push(tokio::spawn(admin.map_err(|source| StartError::Admin { address, source })?));
            tasks.push(tokio::spawn(async move { advisor.run().await }));
        }
        Ok(Self { allocator, service, live, tasks })
    }

    /// Who has which address, and the switches.
    pub fn allocator(&self) -> &Arc<Allocator> {
        &self.allocator
    }

    /// What can be changed while it runs.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Waits until every switch has all it needs and the first aliases are in use, so that clients can be served.
    pub async fn ready(&mut self) {
        self.allocator.ready().await;
    }

    /// Tells the clients and stops. The switches keep their entries, so that running connections survive.
    pub async fn stop(self) {
        self.service.stop(DRAIN).await;
        self.allocator.leave_switches();
        for task in self.tasks {
            task.abort();
            // An aborted task has nothing to say.
            let _ = task.await;
        }
    }
}
