//! The chaos switch: a P4Runtime server in front of a real one.

mod answer;
mod connection;
mod context;
mod read;
mod service;
mod stream;
mod trap;
mod write;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use p4runtime::v1::{p4_runtime_client::P4RuntimeClient, p4_runtime_server::P4RuntimeServer};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};
use tonic::transport::{Channel, Endpoint};

use crate::{
    fault::{Fault, Faults, Rpc},
    journal::Journal,
};
use connection::{Cuttable, Handle};
pub use trap::{Phase, Trapped};
use trap::Traps;

/// Messages of any size pass: what is too large is for the two ends to say.
const ANY_SIZE: usize = 512 << 20;
/// Errors of a whole batch, which may be more than a controller takes.
const MAX_HEADERS: u32 = 1 << 20;

/// What a chaos switch is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the journal.
    pub name: String,
    /// The real switch, `http://HOST:PORT`.
    pub switch: String,
    /// Equal seeds and requests give equal decisions.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// Of [`Fault::Delay`] and [`Fault::End`].
    pub longest_delay: Duration,
    /// A shell command that restarts the real switch, for [`Fault::Restart`].
    pub restart: Option<String>,
}

/// A running chaos switch. It ends with this value.
pub struct ChaosSwitch {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    settings: Settings,
    faults: Mutex<Faults>,
    /// One for each call, so that how often tables are read does not change what happens to writes.
    decisions: Mutex<[ChaCha8Rng; Rpc::ALL.len()]>,
    requests: AtomicU64,
    connections: Mutex<Vec<Weak<Handle>>>,
    reachable: AtomicBool,
    traps: Traps,
    switch: P4RuntimeClient<Channel>,
    journal: Journal,
}

impl ChaosSwitch {
    /// Listens, and connects to the real switch when the first request comes.
    ///
    /// # Errors
    /// If the address cannot be bound or the switch's is none.
    pub async fn start(listen: SocketAddr, settings: Settings, journal: Journal) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(settings.switch.clone())
            .with_context(|| format!("switch: {:?}", settings.switch))?
            .http2_max_header_list_size(MAX_HEADERS)
            .tcp_nodelay(true);
        let switch = P4RuntimeClient::new(endpoint.connect_lazy()).max_decoding_message_size(ANY_SIZE);
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listen: {listen}"))?;
        let address = listener.local_addr()?;
        let rng = |stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream(stream);
            rng
        };
        journal.note(
            &settings.name,
            format_args!("seed {}, faults {}, in front of {}", settings.seed, settings.faults, settings.switch),
        );
        let shared = Arc::new(Shared {
            faults: Mutex::new(settings.faults.clone()),
            decisions: Mutex::new([rng(0), rng(1), rng(2), rng(3)]),
            requests: AtomicU64::new(0),
            connections: Mutex::default(),
            reachable: AtomicBool::new(true),
            traps: Traps::default(),
            settings,
            switch,
            journal,
        });
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { address, shared, server })
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.note(format_args!("faults {faults}"));
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Cuts all TCP connections.
    pub fn cut(&self) {
        self.shared.note(format_args!("cuts all connections"));
        self.shared.cut_all();
    }

    /// While it is not reachable it cuts every connection.
    pub fn set_reachable(&self, reachable: bool) {
        self.shared.note(format_args!("reachable: {reachable}"));
        self.shared.reachable.store(reachable, Ordering::SeqCst);
        if !reachable {
            self.shared.cut_all();
        }
    }

    /// Holds the `nth` request of this kind from now on (0 is the next) at that point, until what is received is
    /// dropped.
    pub fn trap(&self, rpc: Rpc, phase: Phase, nth: u32) -> oneshot::Receiver<Trapped> {
        self.shared.traps.set(rpc, phase, nth)
    }
}

impl Drop for ChaosSwitch {
    fn drop(&mut self) {
        self.server.abort();
        self.shared.cut_all();
    }
}

impl Shared {
    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.journal.note(&self.settings.name, what);
    }

    fn cut_all(&self) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for handle in connections.drain(..).filter_map(|handle| handle.upgrade()) {
            handle.cut();
        }
    }

    fn add(&self, handle: &Arc<Handle>) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|handle| handle.strong_count() > 0);
        connections.push(Arc::downgrade(handle));
    }

    /// What befalls the next request of a kind, and the randomness that its details come from.
    fn decide(&self, rpc: Rpc) -> (Option<Fault>, ChaCha8Rng) {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let rng = &mut decisions[rpc as usize];
        let fault = faults.draw(rpc, rng);
        (fault, ChaCha8Rng::seed_from_u64(rng.random()))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let accepting = shared.clone();
    let incoming = TcpListenerStream::new(listener).filter_map(move |stream| {
        let stream = match stream {
            Ok(stream) if accepting.reachable.load(Ordering::SeqCst) => stream,
            Ok(_) => return None,
            Err(error) => return Some(Err(error)),
        };
        // A controller that is gone already is not worth an error.
        let _ = stream.set_nodelay(true);
        let handle = Arc::new(Handle::default());
        accepting.add(&handle);
        Some(Ok(Cuttable::new(stream, handle)))
    });
    let service = P4RuntimeServer::new(service::Service(shared.clone())).max_decoding_message_size(ANY_SIZE);
    if let Err(error) = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await {
        shared.note(format_args!("the server ended: {error}"));
    }
}
