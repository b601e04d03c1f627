//! The sockets of one connection: sends from one, receives on all that are kept.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime as _, UdpPoller};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{Notify, watch};

use super::agent::Lease;
use super::answers::ClientId;
use super::class::Proof;
use super::ids::ResetTokens;
use super::ledger::{Ledger, Route};

/// What Linux's own range for ephemeral ports has in common with IANA's dynamic ports, which others use. The client's do not stand
/// out, and stay in one of IANA's ranges: s2n-quic takes a change between them for an attack.
const PORTS: std::ops::RangeInclusive<u16> = 49152..=60999;
/// How many ports are avoided at most: after that the oldest are long forgotten.
const REMEMBERED_PORTS: usize = 8_000;
const BIND_ATTEMPTS: usize = 16;

/// The ports that a connector's connections used: not two of them use the same one.
pub(super) type Ports = Arc<Mutex<HashSet<u16>>>;

struct Member {
    generation: u64,
    socket: Arc<dyn AsyncUdpSocket>,
    lease: Arc<Lease>,
    /// Something left from it, or nothing was to leave from another before.
    sent: bool,
    /// When the first datagram left from it.
    since: Option<Instant>,
    /// UDP payload that left from it, and that came, bytes.
    sent_bytes: u64,
    received_bytes: u64,
    /// When a newer socket sent first.
    left: Option<Instant>,
}

struct State {
    ledger: Ledger,
    members: Vec<Member>,
    ports: Ports,
    progress: watch::Sender<Progress>,
    proof: watch::Sender<Proof>,
    traffic: Arc<Notify>,
    duplicate_bytes: u64,
}

/// So many times what came from an address a server may send there before it has validated it (RFC 9000 §8.1).
const CREDIT: u64 = 3;

/// All sockets of one connection, with the addresses they are bound to.
pub(crate) struct Sockets(Mutex<State>);

/// How far hops got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// The generation of the socket that sends.
    pub(crate) sending: u64,
    /// How often quinn, told of a new socket, still sent with the old connection ID.
    pub(crate) kept: u64,
    /// The newest generation that cannot send, as the server repeated a connection ID.
    pub(crate) repeated: u64,
}

/// The address that packets leave from, if it is not known to be validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unvalidated {
    pub(crate) generation: u64,
    /// When the first packet left from it.
    pub(crate) since: Instant,
}

/// What is known of connection IDs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) server_length: usize,
    pub(crate) server_used: u64,
    pub(crate) moves: u64,
    pub(crate) links_seen: u64,
}

impl Sockets {
    /// None so far; `traffic` is notified when datagrams go out or come in.
    pub(crate) fn new(resets: ResetTokens, traffic: Arc<Notify>, ports: Ports) -> Arc<Self> {
        let (progress, _) = watch::channel(Progress::default());
        let state = State {
            ledger: Ledger::new(resets),
            members: Vec::new(),
            ports,
            progress,
            proof: watch::Sender::default(),
            traffic,
            duplicate_bytes: 0,
        };
        Arc::new(Self(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds a socket to the address and a port not used before; new connection IDs will leave from it.
    pub(crate) fn add(self: &Arc<Self>, lease: impl Into<Arc<Lease>>) -> io::Result<HopSocket> {
        let lease = lease.into();
        let mut state = self.lock();
        let (socket, local) = {
            let mut ports = state.ports.lock().unwrap_or_else(PoisonError::into_inner);
            if ports.len() >= REMEMBERED_PORTS {
                ports.clear();
            }
            bind(lease.address(), &mut ports)?
        };
        let socket = quinn::TokioRuntime.wrap_udp_socket(socket)?;
        let generation = if state.members.is_empty() { 0 } else { state.ledger.hop() };
        state.members.push(Member {
            generation,
            socket: socket.clone(),
            lease,
            sent: generation == 0,
            since: None,
            sent_bytes: 0,
            received_bytes: 0,
            left: None,
        });
        Ok(HopSocket { sockets: self.clone(), own: socket, generation, local })
    }

    /// Closes the sockets that were left `keep` ago, except for the first; says when to come back.
    pub(crate) fn retire(&self, now: Instant, keep: Duration) -> Option<Instant> {
        let mut state = self.lock();
        state.members.retain(|member| member.generation == 0 || member.left.is_none_or(|left| left + keep > now));
        let left = state.members.iter().filter(|member| member.generation != 0).filter_map(|member| member.left);
        left.min().map(|left| left + keep)
    }

    /// The address that packets leave from, and the change to "expired" of its lease.
    pub(crate) fn current(&self) -> Option<(SocketAddr, watch::Receiver<bool>)> {
        let state = self.lock();
        let sending = state.ledger.sending();
        let member = state.members.iter().find(|member| member.generation == sending)?;
        Some((member.socket.local_addr().ok()?, member.lease.expired()))
    }

    /// The address that packets leave from, unless the server has validated it for sure: the handshake's address; one where more came than
    /// is allowed otherwise; one where a challenge came whose answer is among those that `arrived`.
    pub(crate) fn unvalidated(&self, arrived: &[ClientId]) -> Option<Unvalidated> {
        let state = self.lock();
        let generation = state.ledger.sending();
        let member = state.members.iter().find(|member| member.generation == generation && generation > 0)?;
        let generous = member.received_bytes > CREDIT * member.sent_bytes;
        let since = member.since.filter(|_| !generous && !state.ledger.was_heard(arrived, generation))?;
        Some(Unvalidated { generation, since })
    }

    /// The newest generation.
    pub(crate) fn newest(&self) -> u64 {
        self.lock().ledger.newest()
    }

    /// How long the server took to be heard at the newest address.
    pub(crate) fn took(&self) -> Option<Duration> {
        self.lock().proof.borrow().took()
    }

    /// The newest address is left because the server may not have validated it. Says whether nothing came to it.
    pub(crate) fn repeats(&self) -> bool {
        let state = self.lock();
        state.proof.send_if_modified(|proof| {
            proof.repeats();
            false
        });
        state.proof.borrow().silent_since().is_some()
    }

    /// The addresses that packets left from after those of this generation, and their generations, as far as they are still kept.
    pub(crate) fn sources_after(&self, generation: Option<u64>) -> Vec<(u64, SocketAddr)> {
        let state = self.lock();
        let younger =
            |member: &&Member| member.sent && generation.is_none_or(|generation| member.generation > generation);
        let source = |member: &Member| Some((member.generation, member.socket.local_addr().ok()?));
        state.members.iter().filter(younger).filter_map(source).collect()
    }

    pub(crate) fn ids(&self) -> Ids {
        let state = self.lock();
        let ledger = &state.ledger;
        Ids {
            server_length: ledger.id_length(),
            server_used: ledger.server_ids_used(),
            moves: ledger.moves(),
            links_seen: ledger.links_seen(),
        }
    }

    /// Follows whether the server follows.
    pub(crate) fn proof(&self) -> watch::Receiver<Proof> {
        self.lock().proof.subscribe()
    }

    /// What was sent a second time in case the first is lost, bytes.
    pub(crate) fn duplicate_bytes(&self) -> u64 {
        self.lock().duplicate_bytes
    }

    /// Follows the hops.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.lock().progress.subscribe()
    }
}

fn bind(address: IpAddr, used: &mut HashSet<u16>) -> io::Result<(std::net::UdpSocket, SocketAddr)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..BIND_ATTEMPTS {
        let local = SocketAddr::new(address, rand::random_range(PORTS));
        if !used.insert(local.port()) {
            continue;
        }
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        // An address that only a route makes local (AnyIP).
        match address {
            IpAddr::V4(_) => socket.set_freebind_v4(true)?,
            IpAddr::V6(_) => {
                socket.set_only_v6(true)?;
                socket.set_freebind_v6(true)?;
            }
        }
        match socket.bind(&local.into()) {
            Ok(()) => return Ok((socket.into(), local)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What quinn is given at each hop: sends by the ledger, receives for all while it is the newest.
pub(crate) struct HopSocket {
    sockets: Arc<Sockets>,
    own: Arc<dyn AsyncUdpSocket>,
    generation: u64,
    local: SocketAddr,
}

impl HopSocket {
    /// How many sockets there were before.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Address and port.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }
}

impl fmt::Debug for HopSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HopSocket").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for HopSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.own.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let mut state = self.sockets.lock();
        let state = &mut *state;
        state.traffic.notify_one();
        match state.ledger.route(transmit.contents) {
            Route::Newest { first, twice } => {
                if first {
                    let now = Instant::now();
                    let newest = state.ledger.newest();
                    for member in state.members.iter_mut().filter(|member| member.generation < newest) {
                        member.left.get_or_insert(now);
                    }
                    if let Some(newest) = state.members.last_mut() {
                        newest.sent = true;
                    }
                    state.progress.send_modify(|progress| progress.sending = newest);
                }
                let Some(newest) = state.members.last_mut() else { return Ok(()) };
                newest.since.get_or_insert_with(Instant::now);
                // Also if it does not leave: then less came to the server.
                newest.sent_bytes += transmit.contents.len() as u64 * (1 + u64::from(twice));
                state.proof.send_if_modified(|proof| proof.sends(newest.generation, Instant::now()));
                newest.socket.try_send(transmit)?;
                if twice && newest.socket.try_send(transmit).is_ok() {
                    state.duplicate_bytes += transmit.contents.len() as u64;
                }
                Ok(())
            }
            Route::Older(generation) => {
                if self.generation == state.ledger.newest() {
                    state.progress.send_modify(|progress| progress.kept += 1);
                }
                if let Some(older) = state.members.iter().find(|member| member.generation == generation) {
                    // quinn waits for the newest socket, so a full buffer here is a loss.
                    let _ = older.socket.try_send(transmit);
                }
                Ok(())
            }
            Route::Nowhere => Ok(()),
            Route::Repeated => {
                let newest = state.ledger.newest();
                state.proof.send_if_modified(|proof| proof.blocked(newest, Instant::now()));
                state.progress.send_if_modified(|progress| std::mem::replace(&mut progress.repeated, newest) != newest);
                Ok(())
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.sockets.lock();
        let State { ledger, members, proof, traffic, .. } = &mut *state;
        if self.generation != ledger.newest() {
            return Poll::Pending;
        }
        for member in members.iter_mut().rev() {
            match member.socket.poll_recv(cx, bufs, meta) {
                Poll::Ready(Ok(count)) => {
                    proof.send_if_modified(|proof| proof.hears(member.generation, Instant::now()));
                    traffic.notify_one();
                    for (buffer, meta) in bufs.iter().zip(meta.iter()).take(count) {
                        member.received_bytes += meta.len as u64;
                        ledger.received(member.generation, &buffer[..meta.len.min(buffer.len())]);
                    }
                    return Poll::Ready(Ok(count));
                }
                Poll::Ready(Err(error)) if member.generation == self.generation => return Poll::Ready(Err(error)),
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn max_transmit_segments(&self) -> usize {
        self.own.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.own.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.own.may_fragment()
    }
}
