//! The controller as a whole: sessions, pool and service put together.

use std::{collections::HashMap, io, net::Ipv6Addr, sync::Arc, time::Duration};

use metrics::gauge;
use mimiq_core::TopologyError;
use quinn::{Endpoint, TokioRuntime};
use tokio::task::JoinHandle;

use crate::{
    allocator::Allocator,
    config::{Config, Switch},
    p4rt::{ElectionId, Target},
    relay::{RelaySocket, Tunnels},
    service::Service,
    store::Store,
    tls::{TlsError, endpoint_config, server_config},
};

/// How long clients have to take note that the server stops.
const DRAIN: Duration = Duration::from_millis(500);

/// Why the controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pools cannot be made.
    #[error("timing")]
    Policy(#[from] mimiq_addressing::PolicyError),
    /// The switches do not go together.
    #[error("switches")]
    Switches(#[from] TopologyError),
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
}

/// A running controller.
pub struct Controller {
    allocator: Arc<Allocator>,
    service: Arc<Service>,
    tasks: Vec<JoinHandle<()>>,
}

impl Controller {
    /// Starts everything; the switches need not be there yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If a file or the relay address cannot be used.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let server = server_config(&config.pki)?;
        let store_error = |source| StartError::Store { path: config.state_file.clone(), source: Box::new(source) };
        let store = Arc::new(Store::open(&config.state_file).map_err(store_error)?);
        let election_id = store.next_election_id().map_err(store_error)?;
        let allocator = Arc::new(Allocator::new(config.settings(), store.get().map_err(store_error)?)?);

        let tunnels = Tunnels::default();
        tunnels.set(tunnel_addrs(config));
        let socket = RelaySocket::bind(config.relay, tunnels, config.limits.datagrams_per_port)
            .map_err(|source| StartError::Relay { address: config.relay, source })?;
        let (endpoint_config, runtime) = (endpoint_config(&config.pki)?, Arc::new(TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(endpoint_config, Some(server), Arc::new(socket), runtime)
            .map_err(|source| StartError::Relay { address: config.relay, source })?;

        gauge!("mimiq_controller_election_id").set(election_id.0 as f64);
        let mut tasks = Vec::new();
        let storing = allocator.clone();
        tasks.push(tokio::spawn(async move { storing.keep_stored(store).await }));
        for switch in &config.switches {
            allocator.add_switch(config.spec(switch), target(switch, election_id))?;
        }
        let following = allocator.clone();
        tasks.push(tokio::spawn(async move { following.follow_deadlines().await }));
        let service = Arc::new(Service::new(endpoint, allocator.clone()));
        let serving = service.clone();
        tasks.push(tokio::spawn(async move { serving.run().await }));
        Ok(Self { allocator, service, tasks })
    }

    /// Who has which address, and the switches.
    pub fn allocator(&self) -> &Arc<Allocator> {
        &self.allocator
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

/// The internal address of each SID's switch.
fn tunnel_addrs(config: &Config) -> HashMap<u16, Ipv6Addr> {
    config.switches.iter().filter_map(|switch| Some((switch.sid?, switch.tunnel_addr))).collect()
}

fn target(switch: &Switch, election_id: ElectionId) -> Target {
    Target {
        name: switch.name.as_str().into(),
        uri: switch.p4runtime.clone(),
        device_id: switch.device_id,
        election_id,
        device_config: switch.device_config.as_ref().map(|program| program.bytes().clone()).unwrap_or_default(),
    }
}
