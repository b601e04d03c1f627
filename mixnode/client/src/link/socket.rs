//! The UDP socket of a client's QUIC endpoint: it is read in [`Rounds`], and nothing that comes wakes the process.

use std::future::Future as _;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::{Sleep, sleep, sleep_until};

use super::departures::Departures;
use super::rounds::Rounds;

/// When a socket took nothing more, until it is tried again.
pub(super) const FULL: Duration = Duration::from_millis(1);
/// Of the first byte of a QUIC packet: it is one of a handshake (RFC 9000 §17.2).
const LONG_HEADER: u8 = 0x80;

/// A socket, with what it can do.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // Makes it non-blocking, too.
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state })
    }

    pub(super) fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.send((&self.socket).into(), transmit)
    }
}

#[derive(Debug)]
pub(super) struct RoundsSocket {
    socket: Arc<Socket>,
    departures: Option<Arc<Departures>>,
    /// It took nothing more.
    full: AtomicBool,
    reader: Mutex<Reader>,
}

#[derive(Debug)]
struct Reader {
    rounds: Rounds,
    /// Of this round so far, datagrams.
    read: usize,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Who reads.
    waker: Option<Waker>,
}

impl RoundsSocket {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::new(Arc::new(Socket::bind(address)?), None))
    }

    /// One whose packets wait for the times that are planned.
    pub(super) fn with_departures(address: SocketAddr) -> io::Result<(Self, Arc<Departures>)> {
        let socket = Arc::new(Socket::bind(address)?);
        let departures = Arc::new(Departures::new(socket.clone())?);
        Ok((Self::new(socket, Some(departures.clone())), departures))
    }

    fn new(socket: Arc<Socket>, departures: Option<Arc<Departures>>) -> Self {
        let reader = Reader { rounds: Rounds::new(), read: 0, timer: None, waker: None };
        Self { socket, departures, full: AtomicBool::new(false), reader: Mutex::new(reader) }
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        // Nothing that is done with it leaves it half changed.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Whether a round is due. Who reads is woken when it is.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.rounds.next() else {
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if Instant::now() >= next {
            return Poll::Ready(());
        }
        let timer = match &mut self.timer {
            Some((at, timer)) if *at == next => timer,
            other => &mut other.insert((next, Box::pin(sleep_until(next.into())))).1,
        };
        let due = timer.as_mut().poll(cx);
        if due.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        due
    }
}

impl AsyncUdpSocket for RoundsSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Room { socket: self, wait: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let sent = match &self.departures {
            Some(departures) => departures.send(transmit),
            None => self.socket.send(transmit).map(|()| false),
        };
        if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            self.full.store(true, Ordering::Relaxed);
        }
        let (mut reader, now) = (self.reader(), Instant::now());
        let sooner = match sent {
            Ok(true) => reader.rounds.batch(now),
            _ => {
                let handshake = transmit.contents.first().is_some_and(|first| first & LONG_HEADER != 0);
                reader.rounds.sent(now, handshake)
            }
        };
        if sooner && let Some(waker) = reader.waker.take() {
            waker.wake();
        }
        sent.map(|_| ())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut reader = self.reader();
        loop {
            ready!(reader.poll_due(cx));
            let received = self.socket.state.recv((&self.socket.socket).into(), bufs, meta);
            let all = match &received {
                Ok(count) => {
                    let came = meta.iter().take(*count);
                    reader.read += came.map(|meta| meta.len.div_ceil(meta.stride.max(1))).sum::<usize>();
                    *count < bufs.len()
                }
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            if all {
                let read = std::mem::take(&mut reader.read);
                reader.rounds.read(Instant::now(), read);
            }
            match received {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        // What waits for its time is no train of packets.
        if self.departures.is_some() { 1 } else { self.socket.state.max_gso_segments() }
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.state.may_fragment()
    }
}

/// Waits a moment for room in a socket that was full.
#[derive(Debug)]
struct Room {
    socket: Arc<RoundsSocket>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl UdpPoller for Room {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket.full.swap(false, Ordering::Relaxed) {
            self.wait = Some(Box::pin(sleep(FULL)));
        }
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use quinn::udp::BATCH_SIZE;

    use super::*;

    fn transmit<'a>(to: &UdpSocket, contents: &'a [u8]) -> Transmit<'a> {
        Transmit { destination: to.local_addr().unwrap(), ecn: None, contents, segment_size: None, src_ip: None }
    }

    /// What came, in batches as quinn reads them.
    fn poll(socket: &RoundsSocket, cx: &mut Context<'_>) -> Poll<Vec<Vec<u8>>> {
        let mut bytes = [[0; 64]; BATCH_SIZE];
        let mut bufs: Vec<IoSliceMut<'_>> = bytes.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let count = ready!(socket.poll_recv(cx, &mut bufs, &mut meta)).unwrap();
        Poll::Ready(bytes.iter().zip(meta).take(count).map(|(bytes, meta)| bytes[..meta.len].to_vec()).collect())
    }

    #[tokio::test]
    async fn all_that_came_is_read_after_something_was_sent_and_not_before() {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = RoundsSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let count = 2 * BATCH_SIZE as u8 + 3;
        for number in 0..count {
            peer.send_to(&[number], socket.local_addr().unwrap()).unwrap();
        }
        assert!(poll_fn(|cx| Poll::Ready(poll(&socket, cx))).await.is_pending());
        // That wakes the reader.
        let reading = async {
            let mut came = Vec::new();
            while came.len() < usize::from(count) {
                came.extend(poll_fn(|cx| poll(&socket, cx)).await);
            }
            came
        };
        let sending = async { socket.try_send(&transmit(&peer, &[LONG_HEADER])).unwrap() };
        let (came, ()) = tokio::join!(reading, sending);
        assert!(came.iter().flatten().copied().eq(0..count), "{came:?}");
        assert!(poll_fn(|cx| Poll::Ready(poll(&socket, cx))).await.is_pending());
        let mut bytes = [0; 2];
        assert_eq!(peer.recv(&mut bytes).unwrap(), 1);
    }

    #[tokio::test]
    async fn who_finds_it_full_waits_and_goes_on() {
        let socket = Arc::new(RoundsSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        let mut room = socket.clone().create_io_poller();
        assert!(poll_fn(|cx| Poll::Ready(room.as_mut().poll_writable(cx))).await.is_ready());
        socket.full.store(true, Ordering::Relaxed);
        assert!(poll_fn(|cx| Poll::Ready(room.as_mut().poll_writable(cx))).await.is_pending());
        poll_fn(|cx| room.as_mut().poll_writable(cx)).await.unwrap();
    }
}
