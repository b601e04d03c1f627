//! Datagrams in batches: one system call for up to 64, no allocation, no waiting but in [`Udp::wait`].

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns, SndBuf};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, sendmmsg, setsockopt,
};
use nix::sys::time::{TimeSpec, TimeValLike as _};
use nix::time::{ClockId, clock_gettime};

/// Datagrams in one system call, at most.
pub const BATCH: usize = 64;
/// Most batches have no more: addresses for 64 are 8 KB to be filled.
const FEW: usize = 4;

/// A datagram that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// From where.
    pub from: SocketAddr,
    /// Nanoseconds since the kernel has it: what it has waited. By the machine's wall clock; if that is set meanwhile, it may be too long, or 0.
    pub age: u64,
    /// What it holds.
    pub datagram: &'a mut [u8],
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The kernel took them.
    pub sent: usize,
    /// The socket's buffer was full.
    pub full: usize,
    /// The kernel refused them: too long, no route, forbidden.
    pub refused: usize,
}

/// A socket with room for a batch. It stays in the thread that made it.
pub struct Udp {
    socket: UdpSocket,
    size: usize,
    buffers: Box<[u8]>,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
    too_long: u64,
}

/// What the kernel says of a datagram.
#[derive(Clone, Copy, Default)]
struct Meta {
    from: Option<SocketAddr>,
    length: usize,
    stamp: Option<i64>,
}

impl Udp {
    /// For datagrams of at most `size` bytes. The kernel is asked for buffers of `kernel` bytes each way, and gives what `net.core.rmem_max` and
    /// `wmem_max` allow.
    ///
    /// # Errors
    /// If an option of the socket cannot be set.
    pub fn new(socket: UdpSocket, size: usize, kernel: usize) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        setsockopt(&socket, RcvBuf, &kernel)?;
        setsockopt(&socket, SndBuf, &kernel)?;
        Ok(Self {
            socket,
            size,
            // With a byte more than may be in it: one that uses it is too long.
            buffers: vec![0; BATCH * (size + 1)].into(),
            incoming: MultiHeaders::preallocate(BATCH, Some(cmsg_space!(TimeSpec))),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            too_long: 0,
        })
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Datagrams that were longer than `size`, and are dropped.
    #[must_use]
    pub fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Waits until there is a datagram, or for so long. Linux adds up to 50 µs to a thread's waits unless told otherwise (see [`wait_exactly`]).
    /// True if there is one.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn wait(&self, time: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, Some(TimeSpec::from_duration(time)), None) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives up to 64 datagrams that have come to `each`; how many, also counting what was too long.
    ///
    /// # Errors
    /// If the kernel refuses. That none has come is no error.
    pub fn receive(&mut self, each: impl FnMut(Received<'_>)) -> io::Result<usize> {
        self.receive_up_to(BATCH, each)
    }

    /// The same with at most so many; the others stay with the kernel.
    ///
    /// # Errors
    /// If the kernel refuses. That none has come is no error.
    pub fn receive_up_to(&mut self, most: usize, mut each: impl FnMut(Received<'_>)) -> io::Result<usize> {
        let mut metas = [Meta::default(); BATCH];
        let mut chunks = self.buffers.chunks_exact_mut(self.size + 1);
        let mut slices: [_; BATCH] = array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let (slices, flags) = (&mut slices[..most.min(BATCH)], MsgFlags::MSG_DONTWAIT);
        let received = match recvmmsg(self.socket.as_raw_fd(), &mut self.incoming, slices, flags, None) {
            Ok(messages) => messages.zip(&mut metas).map(|(message, place)| *place = meta(&message)).count(),
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        if received == 0 {
            return Ok(0);
        }
        let now = clock_gettime(ClockId::CLOCK_REALTIME)?.num_nanoseconds();
        for (meta, buffer) in metas[..received].iter().zip(self.buffers.chunks_exact_mut(self.size + 1)) {
            let Some(from) = meta.from else { continue };
            if meta.length > self.size {
                self.too_long += 1;
                continue;
            }
            let age = meta.stamp.map_or(0, |stamp| u64::try_from(now.saturating_sub(stamp)).unwrap_or(0));
            each(Received { from, age, datagram: &mut buffer[..meta.length] });
        }
        Ok(received)
    }

    /// Sends each datagram to its address. What the kernel does not take at once is dropped: to wait would stall the clocks.
    pub fn send<D: AsRef<[u8]>>(&mut self, datagrams: &[(SocketAddr, D)]) -> Sent {
        let mut sent = Sent::default();
        let mut left = datagrams;
        while !left.is_empty() {
            let taken =
                if left.len() <= FEW { self.hand_over::<FEW, D>(left) } else { self.hand_over::<BATCH, D>(left) };
            match taken {
                Ok(count) => {
                    sent.sent += count;
                    left = &left[count..];
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    sent.full += left.len();
                    return sent;
                }
                // It is the first one's: what comes behind it may be sent.
                Err(_) => {
                    sent.refused += 1;
                    left = &left[1..];
                }
            }
        }
        sent
    }

    /// The first of them, at most `N`: how many the kernel took.
    fn hand_over<const N: usize, D: AsRef<[u8]>>(&mut self, datagrams: &[(SocketAddr, D)]) -> nix::Result<usize> {
        let batch = &datagrams[..datagrams.len().min(N)];
        let addresses: [_; N] = array::from_fn(|i| batch.get(i).map(|(to, _)| SockaddrStorage::from(*to)));
        let slices: [_; N] =
            array::from_fn(|i| [IoSlice::new(batch.get(i).map_or(&[], |(_, datagram)| datagram.as_ref()))]);
        let (slices, flags) = (slices[..batch.len()].iter(), MsgFlags::MSG_DONTWAIT);
        Ok(sendmmsg(self.socket.as_raw_fd(), &mut self.outgoing, slices, addresses, [], flags)?.count())
    }
}

/// Asks Linux not to let this thread's waits last up to 50 µs longer so that it can end several at once.
///
/// # Errors
/// If the kernel refuses.
pub fn wait_exactly() -> io::Result<()> {
    Ok(nix::sys::prctl::set_timerslack(1)?)
}

fn meta(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Meta {
    let stamp = message.cmsgs().ok().and_then(|mut messages| {
        messages.find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp.num_nanoseconds()),
            _ => None,
        })
    });
    Meta { from: message.address.as_ref().and_then(address), length: message.bytes, stamp }
}

fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}
