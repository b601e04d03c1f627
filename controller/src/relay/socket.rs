use std::{
    collections::HashMap,
    fmt, io,
    io::IoSliceMut,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    os::fd::AsRawFd as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::{Context, Poll, ready},
};

use metrics::counter;
use mimiq_addressing::Time;
use mimiq_contract::{PortId, wellknown::RELAY_PORT};
use mimiq_core::{Bucket, Rate};
use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{EcnCodepoint, RecvMeta, Transmit},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::ReadBuf, net::UdpSocket, time::Instant};

use super::{Peer, frame};

/// Receive and send buffer of the socket, bytes: a burst of handshakes waits rather than being lost.
const BUFFER: usize = 4 << 20;

/// The relay endpoint as QUIC's socket: datagrams lose their wrapping on the way in and get it on the way out. A peer's
/// address is that of [`Peer`].
pub struct RelaySocket {
    socket: UdpSocket,
    tunnels: Tunnels,
    receiver: Mutex<Receiver>,
    start: Instant,
}

/// The internal address of each SID's switch; changes with the switches.
#[derive(Debug, Clone, Default)]
pub struct Tunnels(Arc<RwLock<HashMap<u16, Ipv6Addr>>>);

impl Tunnels {
    /// Replaces all.
    pub fn set(&self, tunnels: HashMap<u16, Ipv6Addr>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tunnels;
    }

    fn of(&self, sid: u16) -> Option<Ipv6Addr> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&sid).copied()
    }
}

struct Receiver {
    bytes: Box<[u8]>,
    /// One port that sends as fast as it can leaves the others' datagrams their share of this process.
    ports: HashMap<(u16, PortId), Bucket>,
    rate: Rate,
}

impl fmt::Debug for RelaySocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelaySocket").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl RelaySocket {
    /// Opens the endpoint; each port of a switch may send so many datagrams.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn bind(address: SocketAddrV6, tunnels: Tunnels, rate: Rate) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        no_checksums(&socket)?;
        // The kernel caps them; what is left is enough.
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::V6(address).into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let receiver = Receiver { bytes: vec![0; 1 << 16].into(), ports: HashMap::new(), rate };
        Ok(Self { socket, tunnels, receiver: Mutex::new(receiver), start: Instant::now() })
    }

    /// Changes how many datagrams each port of a switch may send.
    pub fn set_rate(&self, rate: Rate) {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).rate = rate;
    }

    /// Unwraps one datagram into `buffer`; `None` if it is to be dropped.
    fn unwrap(
        &self,
        bytes: &[u8],
        source: SocketAddr,
        buffer: &mut [u8],
        admit: impl FnOnce(u16, PortId) -> bool,
    ) -> Option<RecvMeta> {
        let SocketAddr::V6(source) = source else { return None };
        let datagram = match frame::parse(bytes, *source.ip(), |sid| self.tunnels.of(sid), admit) {
            Ok(datagram) => datagram,
            Err(reason) => {
                counter!("mimiq_controller_relay_drops_total", "reason" => reason.label()).increment(1);
                tracing::trace!(%source, ?reason, "relayed datagram dropped");
                return None;
            }
        };
        let len = datagram.payload.len();
        buffer.get_mut(..len)?.copy_from_slice(datagram.payload);
        let (addr, ecn) = (datagram.peer.into(), EcnCodepoint::from_bits(datagram.ecn));
        let mut meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride, meta.ecn) = (addr, len, len, ecn);
        Some(meta)
    }
}

/// Accepts outer checksums of zero and sends them (RFC 6935): a switch cannot checksum a payload cheaply, and QUIC
/// authenticates what is inside.
#[allow(unsafe_code)] // socket2 has no call for these two options
fn no_checksums(socket: &Socket) -> io::Result<()> {
    for option in [libc::UDP_NO_CHECK6_RX, libc::UDP_NO_CHECK6_TX] {
        let on: libc::c_int = 1;
        let length = size_of_val(&on) as libc::socklen_t;
        // SAFETY: the descriptor is open, and the value's pointer and length are those of `on`, which outlives the call.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, option, (&raw const on).cast(), length) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

impl AsyncUdpSocket for RelaySocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller { socket: self, waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Ok(peer) = Peer::try_from(transmit.destination) else { return Ok(()) };
        let Some(switch) = self.tunnels.of(peer.location.sid) else { return Ok(()) };
        let ecn = transmit.ecn.map_or(0, |ecn| ecn as u8);
        let Some(bytes) = frame::reply(&peer, ecn, transmit.contents) else { return Ok(()) };
        match self.socket.try_send_to(&bytes, SocketAddrV6::new(switch, RELAY_PORT, 0, 0).into()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            // An unreachable switch is a lost datagram to QUIC, not the end of all its clients' connections.
            Err(error) => {
                counter!("mimiq_controller_relay_send_errors_total").increment(1);
                tracing::debug!(%switch, %error, "reply not sent");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let Receiver { bytes: scratch, ports, rate } = &mut *receiver;
        let now = Time::from_elapsed(self.start.elapsed());
        let mut filled = 0;
        while filled < bufs.len().min(meta.len()) {
            let mut bytes = ReadBuf::new(scratch);
            let source = match self.socket.poll_recv_from(cx, &mut bytes) {
                Poll::Ready(result) => result?,
                Poll::Pending if filled == 0 => return Poll::Pending,
                Poll::Pending => break,
            };
            // There are as many buckets as ports: their numbers are those of a known switch.
            let admit = |sid, port| ports.entry((sid, port)).or_default().take(now, *rate).is_ok();
            if let Some(received) = self.unwrap(bytes.filled(), source, &mut bufs[filled], admit) {
                meta[filled] = received;
                filled += 1;
            }
        }
        Poll::Ready(Ok(filled))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Waits for the socket by itself, so that any number of connections can wait at once.
struct Poller {
    socket: Arc<RelaySocket>,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.socket, f)
    }
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket.clone();
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(async move { socket.socket.writable().await }));
        let result = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(result)
    }
}
