//! Starting and stopping.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mimiq_directory::{Directory, KeyOf, Routes, Schedule, ScheduleError};
use mimiq_mixing::Aqm;
use mimiq_mixing::link::{Incoming, OVERHEAD};
use mimiq_mixing::udp::{Udp, wait_exactly};
use mimiq_sphinx::{Geometry, NodeId};
use tokio::sync::{mpsc as events, watch};
use zeroize::Zeroizing;

use crate::counters::Counters;
use crate::departure::Departure;
use crate::epochs::{EpochError, Epochs};
use crate::intake::{self, Intake};
use crate::loops::Loops;
use crate::mailbox::Mailbox;
use crate::priority::Priority;
use crate::receiver::Receiver;
use crate::rounds::Rounds;
use crate::update::{Made, Update, seconds};
use crate::{Clock, Delays};

/// Puts the payload of a packet into an inbox: the recipient, the message's name, the payload. It must not wait. False if it cannot.
pub type Delivery = Box<dyn Fn([u8; 16], [u8; 16], &[u8]) -> bool + Send>;

/// Packets of clients that wait for being unwrapped, at most.
const CLIENTS_PACKETS: usize = 4096;
/// Loops that are back and were not looked at yet.
const LOOPS_BACK: usize = 1024;

/// What a node is to be.
pub struct Settings {
    /// Its name in packets.
    pub id: NodeId,
    /// The X25519 secret of its links.
    pub link: Zeroizing<[u8; 32]>,
    /// Where its keys and replay logs are.
    pub folder: PathBuf,
    /// Where it takes packets from other nodes: UDP.
    pub listen: SocketAddr,
    /// Key epochs, and how long after its epoch a key is accepted.
    pub schedule: Schedule,
    /// The packets' sizes.
    pub geometry: Geometry,
    /// Places for packets that wait.
    pub queue: u32,
    /// Packets that are told apart in an epoch; further ones are dropped.
    pub tags: usize,
    /// Bytes of the kernel's buffers, each way.
    pub socket_buffer: usize,
    /// Under overload packets wait about so long in front of the node; the rest is dropped.
    pub overload_wait: Duration,
    /// Packets whose sender wants a longer delay are dropped.
    pub longest_delay: Duration,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket.
    #[error("{address}: {error}")]
    Socket {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Keys or replay logs.
    #[error(transparent)]
    Epochs(#[from] EpochError),
    /// Epochs cannot be like this.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The test for attacks.
    #[error("loops: {0}")]
    Loops(#[from] mimiq_loops::ConfigError),
    /// The system gives no thread.
    #[error("thread: {0}")]
    Thread(io::Error),
}

/// A running node.
pub struct Node {
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
    receiving: Arc<AtomicBool>,
    delays: Arc<Delays>,
    stop: watch::Sender<bool>,
    update: tokio::task::JoinHandle<Epochs>,
    loops: tokio::task::JoinHandle<()>,
    published: watch::Receiver<Vec<KeyOf>>,
    clients: Option<Arc<Mailbox>>,
    counters: Arc<Counters>,
}

impl Node {
    /// Starts the threads and tasks. With a `delivery` it is a provider; without, a mix, which sends loops of its own. Nothing is relayed until
    /// the `directory` has a state with the node in it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound, or keys or logs cannot be read or written.
    pub fn start(
        settings: Settings,
        delivery: Option<Delivery>,
        directory: watch::Receiver<Option<Arc<Directory>>>,
    ) -> Result<Self, StartError> {
        let Settings { id, link, folder, listen, schedule, geometry, .. } = settings;
        let at = |error| StartError::Socket { address: listen, error };
        let socket = UdpSocket::bind(listen).map_err(at)?;
        let address = socket.local_addr().map_err(at)?;
        let size = geometry.packet_len() + OVERHEAD;
        let sending = socket.try_clone().map_err(at)?;
        // Made by the thread that uses it.
        let udp = move |socket| Udp::new(socket, size, settings.socket_buffer);

        let epochs = Epochs::open(&folder, schedule, geometry, settings.tags, seconds(), &mut rand::rng())?;
        let (clock, counters) = (Clock::default(), Arc::new(Counters::new()));
        let delays = Arc::new(Delays::new(clock, settings.queue, geometry.packet_len()));
        // The epoch that the update begins with is later.
        let incoming = Arc::new(Mutex::new(Incoming::new(*link, id, 0)));
        let links = Arc::default();
        let (routes_sender, routes) = watch::channel(None::<Arc<Routes>>);
        let (published_sender, published) = watch::channel(epochs.published(seconds()));
        let (loops_sender, back) = events::channel(LOOPS_BACK);
        let (stop, stopped) = watch::channel(false);
        let receiving = Arc::new(AtomicBool::new(false));
        let intake = || Intake::new(epochs.accepted(), delays.clone(), counters.clone(), settings.longest_delay);
        let mut threads = Vec::new();

        let is_provider = delivery.is_some();
        let departure = Departure {
            geometry,
            delays: delays.clone(),
            links: Arc::clone(&links),
            delivery,
            loops: loops_sender,
            counters: counters.clone(),
        };
        threads.push(spawn("departure", Priority::Departure, move || udp(sending).map(|udp| departure.run(udp)))?);
        let receiver = Receiver {
            clock,
            aqm: Aqm::new(u64::try_from(settings.overload_wait.as_nanos()).unwrap_or(u64::MAX)),
            incoming: incoming.clone(),
            intake: intake(),
            batch: intake::batch(&geometry),
            counters: counters.clone(),
        };
        let end = receiving.clone();
        threads.push(spawn("intake", Priority::Intake, move || receiver.run(udp(socket)?, &end))?);
        let clients = if is_provider {
            let mailbox = Arc::new(Mailbox::new(CLIENTS_PACKETS));
            let (packets, intake, counters) = (mailbox.clone(), intake(), counters.clone());
            threads.push(spawn("clients", Priority::Intake, move || {
                from_clients(&packets, intake, &geometry, &counters);
                Ok(())
            })?);
            Some(mailbox)
        } else {
            None
        };

        let made = Made::default();
        let update = Update {
            own: id,
            secret: link,
            geometry,
            clock,
            epochs,
            incoming,
            links,
            directory,
            routes: routes_sender,
            published: published_sender,
            made,
        };
        let update = tokio::spawn(update.run(stopped));
        let loops = if is_provider {
            tokio::spawn(async {})
        } else {
            let loops =
                Loops { own: id, delays: delays.clone(), back, routes, ledger: Loops::ledger()?, left: HashMap::new() };
            tokio::spawn(loops.run())
        };
        Ok(Self { address, threads, receiving, delays, stop, update, loops, published, clients, counters })
    }

    /// Where it takes packets.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The keys that its descriptor has to have, as they change.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Vec<KeyOf>> {
        self.published.clone()
    }

    /// Whether all of its threads do their work: one that cannot has said why, and the node is of no use any more.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// How many packets wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.delays.len()
    }

    /// Takes packets of a provider's clients, without waiting: false if it cannot take more. A mix takes none.
    pub fn from_clients(&self) -> impl Fn(&[u8]) -> bool + Send + Sync + 'static {
        let (clients, clock, counters) = (self.clients.clone(), self.delays.clock(), self.counters.clone());
        move |packet| {
            let taken = clients.as_ref().is_some_and(|clients| clients.put(packet, clock.now()));
            counters.from_clients.increment(1);
            counters.dropped("from_client_overload", u64::from(!taken));
            taken
        }
    }

    /// Stops taking packets, and drops those that wait. The replay logs are closed.
    ///
    /// # Errors
    /// If a log cannot be written.
    pub async fn stop(self) -> Result<(), EpochError> {
        self.receiving.store(true, Ordering::Relaxed);
        self.delays.stop();
        if let Some(clients) = &self.clients {
            clients.close();
        }
        self.loops.abort();
        self.stop.send_replace(true);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread has panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("waiting for the threads failed");
        }
        match self.update.await {
            Ok(epochs) => epochs.close(),
            Err(_) => Ok(()),
        }
    }
}

fn from_clients(packets: &Mailbox, mut intake: Intake, geometry: &Geometry, counters: &Counters) {
    let (mut batch, mut rounds, mut waiting) = (intake::batch(geometry), Rounds::default(), Vec::new());
    while packets.wait() {
        rounds.begin();
        // All that wait belong to the round: full batches follow each other.
        packets.take(&mut waiting);
        for together in waiting.chunks(batch.room()) {
            for (packet, arrived) in together {
                counters.dropped("length", u64::from(!batch.push(packet, *arrived)));
            }
            intake.process(&mut batch);
        }
    }
}

fn spawn(
    name: &'static str,
    priority: Priority,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let run = move || {
        priority.take();
        if let Err(error) = wait_exactly() {
            tracing::warn!(%error, thread = name, "it may be woken up to 50 µs late: the kernel's timers cannot be made exact");
        }
        if let Err(error) = run() {
            tracing::error!(%error, thread = name, "the node does not work any more");
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StartError::Thread)
}
