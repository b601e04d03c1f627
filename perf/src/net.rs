//! The sockets of a thread: one for each switch that is played, for all clients behind it.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd as _, AsRawFd as _},
    time::Instant,
};

use anyhow::Context as _;
use mimiq_contract::wellknown::RELAY_PORT;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    fleet::{Fleet, Member},
    options::Relay,
    wire::{self, Place},
};

/// Receive and send buffer of a socket, bytes; the kernel caps them.
const BUFFER: usize = 4 << 20;
/// Datagrams read from a socket before what they caused is sent.
const BATCH: usize = 32;
/// The largest datagram.
const LARGEST: usize = 1 << 16;

/// Where a client is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attachment {
    pub place: Place,
    /// Which of the thread's relays its switch is.
    pub relay: usize,
}

/// Sockets and connections of a thread.
pub(crate) struct Net {
    pub fleet: Fleet,
    sockets: Vec<UdpSocket>,
    clients: Vec<Attachment>,
    members: HashMap<u32, Member>,
    buffer: Box<[u8]>,
    frame: Vec<u8>,
    pub counts: Counts,
}

/// Datagrams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub sent: u64,
    pub received: u64,
    /// Not taken by the socket.
    pub unsent: u64,
    /// Not for a simulated client.
    pub strange: u64,
}

impl Net {
    pub(crate) fn new(
        controller: SocketAddr,
        relays: &[Relay],
        clients: Vec<Attachment>,
        fleet: Fleet,
    ) -> anyhow::Result<Self> {
        let open =
            |relay: &Relay| open(relay, controller).with_context(|| format!("--relay {}@{}", relay.sid, relay.address));
        let sockets = relays.iter().map(open).collect::<anyhow::Result<_>>()?;
        let members = clients.iter().enumerate().map(|(member, client)| (client.place.client, member)).collect();
        let (buffer, frame) = (vec![0; LARGEST].into(), Vec::new());
        Ok(Self { fleet, sockets, clients, members, buffer, frame, counts: Counts::default() })
    }

    /// Sends what is to be sent, waits until something comes or is due, and takes it. Returns at `until` at the latest.
    pub(crate) fn round(&mut self, until: Instant) -> anyhow::Result<()> {
        self.transmit();
        let until = self.fleet.next_timer().map_or(until, |timer| timer.min(until));
        let wait = until.saturating_duration_since(Instant::now());
        let mut fds: Vec<_> =
            self.sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(wait)), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
        for socket in 0..self.sockets.len() {
            self.receive(socket)?;
        }
        self.fleet.advance(Instant::now());
        Ok(())
    }

    pub(crate) fn transmit(&mut self) {
        let Self { fleet, sockets, clients, frame, counts, .. } = self;
        fleet.transmit(Instant::now(), |member, ecn, payload| {
            let Attachment { place, relay } = clients[member];
            frame.clear();
            place.wrap(ecn, payload, frame);
            // To QUIC it is a lost datagram: the socket's buffer is full, or nobody listens.
            match sockets[relay].send(frame) {
                Ok(_) => counts.sent += 1,
                Err(_) => counts.unsent += 1,
            }
        });
    }

    fn receive(&mut self, socket: usize) -> anyhow::Result<()> {
        for _ in 0..BATCH {
            let length = match self.sockets[socket].recv(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // What an ICMP error said of an earlier datagram: nobody listens.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error).context("receiving from the controller"),
            };
            let received = wire::unwrap(&self.buffer[..length]);
            let member = received.and_then(|received| {
                let member = *self.members.get(&received.place.client)?;
                (self.clients[member].place == received.place).then_some((member, received))
            });
            match member {
                Some((member, received)) => {
                    self.counts.received += 1;
                    self.fleet.receive(Instant::now(), member, received.ecn, received.payload);
                }
                None => self.counts.strange += 1,
            }
        }
        Ok(())
    }
}

fn open(relay: &Relay, controller: SocketAddr) -> io::Result<UdpSocket> {
    let local = SocketAddr::new(relay.address, RELAY_PORT);
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        accept_no_checksums(&socket)?;
    }
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    socket.bind(&local.into())?;
    socket.connect(&controller.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts checksums of zero, which is what the controller sends (RFC 6935).
#[allow(unsafe_code)] // socket2 has no call for the option
fn accept_no_checksums(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the descriptor is open, and the value's pointer and length are those of `on`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_NO_CHECK6_RX, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
