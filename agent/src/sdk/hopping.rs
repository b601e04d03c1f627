//! A connection that can hop.

mod guard;
mod server;

pub(super) use server::may_pass;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

use super::acks::Acks;
use super::agent::{Agent, AgentError};
use super::answers::Answers;
use super::gate::{self, ClientIds, Evidence, Refusal, Reserve};
use super::ids::Issued;
use super::padding::Padding;
use super::peer::Peer;
use super::socket::Sockets;
use super::tally::Tally;
use guard::Guard;

/// How long a hop waits for an address.
const ADDRESS_WAIT: Duration = Duration::from_millis(100);
/// How long a connection whose address ended waits if there is none to go to.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// How long a hop waits for its first packet to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(20);
/// After so many round trips and [`REST`] without a hop, all used connection IDs are replaced.
const REST_ROUND_TRIPS: u32 = 3;
/// For delayed acknowledgements.
const REST: Duration = Duration::from_millis(100);
/// Old sockets stay for this many round trips, for packets in flight.
const KEPT_ROUND_TRIPS: u32 = 3;
/// But not less: acknowledgements may be delayed, and a round trip may be short.
const SHORTEST_KEPT: Duration = Duration::from_millis(200);

/// Why a hop did not happen.
#[derive(Debug, thiserror::Error)]
pub enum HopError {
    /// It would be linkable or is not allowed.
    #[error("no hop: {0}")]
    Refused(#[from] Refusal),
    /// There is no address to hop to.
    #[error("no hop: {0}")]
    NoAddress(#[from] AgentError),
    /// The address cannot be bound.
    #[error("no hop: socket: {0}")]
    Socket(#[from] io::Error),
}

impl HopError {
    /// The reason's name in metrics and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.name(),
            Self::NoAddress(error) => error.name(),
            Self::Socket(_) => "socket",
        }
    }
}

/// What happened to a connection so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Hops.
    pub hops: u64,
    /// How often the server sent to a new address with a connection ID that it had used before: an observer can link
    /// these two addresses.
    pub links_seen: u64,
    /// How often the server was not known to have validated a new address in time: the connection hopped again, or closed.
    pub unvalidated: u64,
}

/// All that makes up a connection.
pub(crate) struct Parts {
    pub(crate) agent: Agent,
    pub(crate) padding: Padding,
    pub(crate) version: u32,
    pub(crate) connection: quinn::Connection,
    pub(crate) endpoint: quinn::Endpoint,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) issued: Issued,
    pub(crate) acks: Acks,
    pub(crate) answers: Answers,
    pub(crate) peer: Peer,
}

pub(super) struct Inner {
    pub(super) parts: Parts,
    /// Held during a hop: one at a time.
    turn: Mutex<Turn>,
    pub(super) hops: AtomicU64,
    /// How many there may be.
    budget: AtomicU64,
    hopped: Notify,
    /// Of [`Stats::unvalidated`].
    pub(super) unvalidated: AtomicU64,
    /// Of these, those in a row since the last other hop that were followed by a hop, the server being silent.
    silent: AtomicU64,
    pub(super) tally: Tally,
    /// The connection is closed, and its policy no longer followed.
    pub(super) unfollowed: Notify,
}

struct Turn {
    reserve: Reserve,
    client_ids: ClientIds,
    last: Instant,
}

/// A QUIC connection whose client hops. Closes when dropped, like [`quinn::Connection`] with its last handle; then all its
/// addresses go back to the agent.
pub struct Hopping(Arc<Inner>);

impl Hopping {
    pub(super) fn start(parts: Parts) -> Self {
        let turn =
            Mutex::new(Turn { reserve: Reserve::default(), client_ids: ClientIds::default(), last: Instant::now() });
        let inner = Arc::new(Inner {
            parts,
            turn,
            hops: AtomicU64::new(0),
            budget: AtomicU64::new(u64::MAX),
            hopped: Notify::new(),
            unvalidated: AtomicU64::new(0),
            silent: AtomicU64::new(0),
            tally: Tally::default(),
            unfollowed: Notify::new(),
        });
        tokio::spawn(inner.clone().maintain());
        Self(inner)
    }

    /// The connection, for streams, datagrams, or an HTTP/3 library.
    #[must_use]
    pub fn connection(&self) -> &quinn::Connection {
        &self.0.parts.connection
    }

    /// Changes address, port and connection ID together; says where the connection is now.
    ///
    /// # Errors
    /// If it must not or cannot; the connection stays where it is.
    pub async fn hop(&self) -> Result<SocketAddr, HopError> {
        self.0.hop().await
    }

    /// Closes the connection and waits until its last packet is out and late ones are answered: three probe timeouts.
    pub async fn close(&self) {
        self.0.parts.connection.close(quinn::VarInt::from_u32(0), b"");
        tokio::join!(self.0.parts.endpoint.wait_idle(), self.0.unfollowed.notified());
    }

    /// Where packets leave from.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.0.parts.sockets.current().map(|(source, _)| source)
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let links_seen = self.0.parts.sockets.ids().links_seen;
        Stats { hops: count(&self.0.hops), links_seen, unvalidated: count(&self.0.unvalidated) }
    }
}

impl Drop for Hopping {
    fn drop(&mut self) {
        self.0.parts.connection.close(quinn::VarInt::from_u32(0), b"");
    }
}

impl Inner {
    pub(super) async fn hop(&self) -> Result<SocketAddr, HopError> {
        let outcome = self.try_hop().await;
        self.counted(outcome)
    }

    fn counted<T>(&self, outcome: Result<T, HopError>) -> Result<T, HopError> {
        outcome.inspect_err(|error| self.tally.refused(error.name()))
    }

    pub(super) async fn try_hop(&self) -> Result<SocketAddr, HopError> {
        let mut turn = self.turn.lock().await;
        gate::check(&self.evidence(&mut turn))?;
        let parts = &self.parts;
        let lease = parts.agent.take(parts.version, ADDRESS_WAIT).await?;
        let socket = parts.sockets.add(lease)?;
        let (generation, source) = (socket.generation(), socket.local());
        let mut progress = parts.sockets.progress();
        let kept = progress.borrow().kept;
        parts.answers.begin();
        parts.endpoint.rebind_abstract(Arc::new(socket))?;
        self.tally.padded(parts.padding.send(&parts.connection));
        turn.last = Instant::now();
        let left = progress.wait_for(|progress| {
            progress.sending == generation || progress.kept > kept || progress.repeated == generation
        });
        // Later only if congestion control holds the packet back: it will leave from the new address.
        let left = tokio::time::timeout(LEAVE_TIMEOUT, left).await.ok().and_then(Result::ok).map(|progress| *progress);
        if let Some(progress) = left.filter(|progress| progress.sending != generation) {
            if progress.repeated == generation {
                return Err(Refusal::RepeatedServerId.into());
            }
            turn.reserve.empty();
            return Err(Refusal::NoSpareServerId.into());
        }
        self.hops.fetch_add(1, Ordering::Relaxed);
        self.silent.store(0, Ordering::Relaxed);
        self.hopped.notify_one();
        Ok(source)
    }

    fn evidence(&self, turn: &mut Turn) -> Evidence {
        let parts = &self.parts;
        let (frames, ids) = (parts.connection.stats().frame_rx, parts.sockets.ids());
        turn.reserve.observe(frames.new_connection_id, ids.server_used);
        if turn.last.elapsed() > parts.connection.rtt() * REST_ROUND_TRIPS + REST {
            turn.reserve.rested();
        }
        // Where nothing more was sent that could be acknowledged, what is old enough has arrived.
        let old = Instant::now().checked_sub(parts.connection.rtt() * REST_ROUND_TRIPS + REST);
        let arrived = old.max(parts.acks.horizon());
        Evidence {
            closed: parts.connection.close_reason().is_some(),
            confirmed: frames.handshake_done > 0,
            forbidden: parts.peer.forbids_migration(),
            budget: self.budget.load(Ordering::Relaxed).saturating_sub(self.hops.load(Ordering::Relaxed)),
            server_ids: turn.reserve.spare(),
            client_ids: turn.client_ids.spare(parts.issued.count(arrived), parts.peer.id_limit(), ids.moves),
        }
    }

    /// Closes old sockets in time, leaves an address that ends, one that nothing may leave from, and one that the server does not
    /// validate. Runs until the
    /// connection is closed and its last packet sent.
    async fn maintain(self: Arc<Self>) {
        let connection = &self.parts.connection;
        let mut trouble = None;
        let mut progress = self.parts.sockets.progress();
        let (mut left, mut guard) = (self.parts.sockets.progress(), Guard::default());
        loop {
            let keep = (connection.rtt() * KEPT_ROUND_TRIPS).max(SHORTEST_KEPT);
            let wake = self.parts.sockets.retire(Instant::now(), keep);
            let doubt = guard.next(&self);
            let expired = async {
                let current = self.parts.sockets.current();
                if let Some((_, mut expired)) = current
                    && expired.wait_for(|expired| *expired).await.is_ok()
                {
                    return;
                }
                std::future::pending().await
            };
            let cannot_send = async {
                if progress.wait_for(|progress| progress.repeated > progress.sending).await.is_err() {
                    std::future::pending().await
                }
            };
            tokio::select! {
                _ = connection.closed() => break,
                () = self.hopped.notified() => continue,
                () = sleep_until(wake) => continue,
                Ok(()) = left.changed() => continue,
                () = sleep_until(doubt) => {
                    guard.look(&self).await;
                    continue;
                }
                () = expired => {}
                () = cannot_send => {}
            }
            // The first packet from the new address, or a spare ID, takes at most this long.
            let mut pause = connection.rtt().max(Duration::from_millis(10));
            let error = self.hop().await.err();
            if let Some(error) = &error {
                // Said once, not at each attempt.
                if trouble != Some(error.name()) {
                    tracing::warn!(%error, "the address is to be left and the connection stays");
                }
                if matches!(error, HopError::NoAddress(_)) {
                    pause = OUTAGE_PAUSE;
                }
            }
            trouble = error.map(|error| error.name());
            tokio::select! {
                _ = connection.closed() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.parts.endpoint.wait_idle().await;
    }
}

/// Without a time: for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
