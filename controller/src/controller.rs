//! The controller as a whole: sessions, pool and service put together.

use std::{collections::HashMap, io, net::Ipv6Addr, sync::Arc, time::Duration};

use metrics::gauge;
use mimiq_addressing::{Alias, Sid};
use mimiq_contract::Entry;
use quinn::{Endpoint, TokioRuntime};
use tokio::task::JoinHandle;

use crate::{
    allocator::{Allocator, Book, PoolError, adopt_aliases, adopt_leases},
    config::{Config, Switch},
    network,
    p4rt::{self, ElectionId, SwitchHandle, Target},
    relay::RelaySocket,
    service::Service,
    store::Store,
    tls::{TlsError, endpoint_config, server_config},
};

/// How long clients have to take note that the server stops.
const DRAIN: Duration = Duration::from_millis(500);

/// Why the controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The pool cannot be made.
    #[error(transparent)]
    Pool(#[from] PoolError),
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
    switches: Vec<SwitchHandle>,
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
        let book = Arc::new(Book::new(config)?);
        let store_error = |source| StartError::Store { path: config.state_file.clone(), source: Box::new(source) };
        let store = Store::open(&config.state_file).map_err(store_error)?;
        let election_id = store.next_election_id().map_err(store_error)?;
        let aliases = store.aliases().map_err(store_error)?;
        book.adopt_stored(&aliases);

        let tunnels: HashMap<u16, Ipv6Addr> =
            config.switches.iter().filter_map(|s| Some((s.sid?, s.tunnel_addr))).collect();
        let socket = RelaySocket::bind(config.relay, tunnels.clone())
            .map_err(|source| StartError::Relay { address: config.relay, source })?;
        let (endpoint_config, runtime) = (endpoint_config(&config.pki)?, Arc::new(TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(endpoint_config, Some(server), Arc::new(socket), runtime)
            .map_err(|source| StartError::Relay { address: config.relay, source })?;

        let sessions = Sessions { config, book: &book, tunnels: &tunnels, aliases: &aliases, election_id };
        let switches: Vec<SwitchHandle> = config.switches.iter().map(|switch| sessions.start(switch)).collect();
        let with_handle = || config.switches.iter().zip(&switches);
        let client_facing = with_handle().filter_map(|(s, handle)| Some((s.sid?, handle.clone()))).collect();
        let edges = with_handle().filter(|(s, _)| s.edge).map(|(_, handle)| handle.clone()).collect();
        let allocator = Arc::new(Allocator::new(config, book, client_facing, edges, Arc::new(store)));
        let service = Arc::new(Service::new(endpoint, allocator.clone()));

        gauge!("mimiq_controller_election_id").set(election_id.0 as f64);
        let mut tasks = vec![tokio::spawn(allocator.clone().follow_deadlines())];
        let serving = service.clone();
        tasks.push(tokio::spawn(async move { serving.run().await }));
        Ok(Self { switches, allocator, service, tasks })
    }

    /// Waits until every switch has all it needs and the first aliases are in use, so that clients can be served.
    pub async fn ready(&mut self) {
        self.allocator.first_aliases().await;
        self.tasks.push(tokio::spawn(self.allocator.clone().rotate_aliases()));
        for switch in &mut self.switches {
            switch.synced().await;
        }
    }

    /// Tells the clients and stops. The switches keep their entries, so that running connections survive.
    pub async fn stop(self) {
        self.service.stop(DRAIN).await;
        for task in self.tasks {
            task.abort();
            // An aborted task has nothing to say.
            let _ = task.await;
        }
    }
}

struct Sessions<'a> {
    config: &'a Config,
    book: &'a Arc<Book>,
    tunnels: &'a HashMap<u16, Ipv6Addr>,
    aliases: &'a [(Sid, Alias)],
    election_id: ElectionId,
}

impl Sessions<'_> {
    fn start(&self, switch: &Switch) -> SwitchHandle {
        let target = Target {
            name: switch.name.as_str().into(),
            uri: switch.p4runtime.clone(),
            device_id: switch.device_id,
            election_id: self.election_id,
            device_config: switch.device_config.as_ref().map(|program| program.bytes().clone()).unwrap_or_default(),
        };
        let mut entries = network::static_entries(self.config, switch);
        if switch.edge {
            let entry = |(sid, alias): &(Sid, Alias)| Some(self.book.alias_entry(*alias, *self.tunnels.get(&sid.0)?));
            entries.extend(self.aliases.iter().filter_map(entry));
        }
        let (book, sid, edge) = (self.book.clone(), switch.sid, switch.edge);
        let sids: HashMap<Ipv6Addr, u16> = self.tunnels.iter().map(|(sid, addr)| (*addr, *sid)).collect();
        let adopt = move |found: &[Entry]| {
            let mut keep = sid.map(|sid| adopt_leases(&book, sid, found)).unwrap_or_default();
            if edge {
                keep.extend(adopt_aliases(&book, &sids, found));
            }
            keep
        };
        p4rt::start(target, entries, Box::new(adopt))
    }
}
