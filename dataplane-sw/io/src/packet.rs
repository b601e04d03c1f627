//! AF_PACKET: packet sockets, for kernels and interfaces without AF_XDP. Each frame is copied twice, and the kernel's own
//! network stack sees what is received: disable IPv6 and forwarding on the interfaces, or it answers as well.
//!
//! `pnet_datalink` is not used: it polls and receives one frame a call, per socket and into its own buffer, reports
//! neither truncation nor VLAN tags, and hears what its own host sends. recvmmsg(2) and sendmmsg(2) take a batch a call,
//! straight into the frames.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no wrapper in the standard library")]

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use mimiq_contract::PortId;
use mimiq_pipeline::{DropCounters, HEADROOM};
use tracing::info;

use crate::{
    OpenError, PortConfig,
    forward::Ports,
    frames::{Frame, Frames},
    interface::{Interface, find_all, set_promiscuous},
    port::{BATCH, KernelStatistics, Observed, Port, PortCounters, PortMonitor, drop_frame},
    sys::{Plain, check, option, set_option, socket},
};

/// Ethernet header and two VLAN tags.
const LINK_HEADERS: usize = 22;
/// Bytes of received frames that the kernel may queue: what AF_XDP's fill ring holds.
const RECEIVE_BUFFER: libc::c_int = 8 << 20;
/// Ancillary data: `struct cmsghdr` and `struct tpacket_auxdata`, whose first field is the status.
type Control = [u64; 5];

/// `struct tpacket_stats`; reading it resets it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct TpacketStats {
    packets: u32,
    drops: u32,
}

// SAFETY: integers alone.
unsafe impl Plain for TpacketStats {}

/// An interface, carried by a packet socket.
#[derive(Debug)]
pub struct PacketPort {
    id: PortId,
    socket: Arc<PacketSocket>,
    /// Free frames to receive into.
    posted: Vec<Frame>,
    /// Frames to be sent.
    queued: Vec<Frame>,
    counters: Arc<PortCounters>,
}

#[derive(Debug)]
struct PacketSocket {
    fd: OwnedFd,
    dropped: AtomicU64,
}

/// Opens AF_PACKET ports on interfaces of this thread's network namespace. They are promiscuous until the result is
/// dropped or the process ends.
///
/// # Errors
/// If an interface does not exist or is down, or if the kernel refuses.
pub fn open(configs: &[PortConfig]) -> Result<Ports<PacketPort>, OpenError> {
    let interfaces = find_all(configs)?;
    let largest = interfaces.iter().map(|interface| interface.mtu).max().ok_or(OpenError::NoPorts)?;
    let chunk = (HEADROOM + LINK_HEADERS + largest).next_power_of_two().max(2048);
    let (mut ports, mut monitors) = (Vec::new(), Vec::new());
    for interface in &interfaces {
        let fd = open_socket(interface)?;
        let socket = Arc::new(PacketSocket { fd, dropped: AtomicU64::new(0) });
        let counters = Arc::new(PortCounters::default());
        let mode = format!("AF_PACKET, chunks of {chunk} bytes");
        info!(port = interface.id.0, interface = interface.name, mode, "port open");
        monitors.push(PortMonitor {
            id: interface.id,
            interface: interface.name.clone(),
            mode,
            counters: counters.clone(),
            sockets: vec![Arc::downgrade(&(socket.clone() as Arc<dyn Observed>))],
        });
        ports.push(PacketPort { id: interface.id, socket, posted: Vec::new(), queued: Vec::new(), counters });
    }
    // In a round each port receives up to a batch, which is sent before the next one; and has one posted.
    let frames = Frames::new(2 * BATCH * ports.len(), chunk)
        .map_err(|error| OpenError::refused(&interfaces[0].name, "allocating frames", error))?;
    Ok(Ports::new(frames, ports, monitors))
}

fn open_socket(interface: &Interface) -> Result<OwnedFd, OpenError> {
    let refused = |action| move |error| OpenError::refused(&interface.name, action, error);
    let fd = socket(libc::AF_PACKET, libc::SOCK_RAW).map_err(refused("opening a packet socket"))?;
    let options = || -> io::Result<()> {
        let on: libc::c_int = 1;
        const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
        set_option(&fd, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &on)?;
        set_option(&fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, &on)?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER)?;
        set_promiscuous(&fd, interface.index)
    };
    options().map_err(refused("setting packet socket options"))?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface.index as libc::c_int,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length are those of a local.
    let bound = check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) });
    bound.map_err(refused("binding a packet socket"))?;
    Ok(fd)
}

/// The arrays of a recvmmsg or sendmmsg call.
struct Messages {
    headers: [libc::mmsghdr; BATCH],
    vectors: [libc::iovec; BATCH],
    controls: [Control; BATCH],
}

impl Messages {
    fn new() -> Self {
        // SAFETY: integers and pointers that may be null.
        unsafe { mem::zeroed() }
    }

    /// Points message `index` at `bytes`.
    fn set(&mut self, index: usize, bytes: &mut [u8]) {
        self.vectors[index] = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        self.headers[index].msg_hdr.msg_iov = &raw mut self.vectors[index];
        self.headers[index].msg_hdr.msg_iovlen = 1;
    }

    /// Makes room for the ancillary data of message `index`.
    fn set_control(&mut self, index: usize) {
        self.headers[index].msg_hdr.msg_control = (&raw mut self.controls[index]).cast();
        self.headers[index].msg_hdr.msg_controllen = size_of::<Control>();
    }

    /// The length of received message `index`; `None` if it was truncated or had a VLAN tag, which the kernel has taken
    /// out of the frame: without it the frame would seem to belong to the untagged network.
    fn received(&self, index: usize) -> Option<usize> {
        const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
        let header = &self.headers[index];
        let [s0, s1, s2, s3, ..] = self.controls[index][2].to_ne_bytes();
        let tagged = u32::from_ne_bytes([s0, s1, s2, s3]) & TP_STATUS_VLAN_VALID != 0;
        let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        (whole && !tagged).then_some(header.msg_len as usize)
    }
}

impl Port for PacketPort {
    fn id(&self) -> PortId {
        self.id
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }

    fn receive(&mut self, frames: &mut Frames, batch: &mut Vec<Frame>) {
        while self.posted.len() < BATCH {
            let Some(frame) = frames.take() else { break };
            self.posted.push(frame);
        }
        let mut messages = Messages::new();
        for (index, frame) in self.posted.iter_mut().enumerate() {
            messages.set(index, &mut frames.chunk_of(frame)[HEADROOM..]);
            messages.set_control(index);
        }
        let (fd, count) = (self.socket.fd.as_raw_fd(), self.posted.len() as libc::c_uint);
        // SAFETY: `count` headers point at as many vectors and controls of `messages`, and those at the posted frames'
        // chunks, to which nothing else refers during the call.
        let received =
            unsafe { libc::recvmmsg(fd, messages.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, ptr::null_mut()) };
        // Nothing there, or an error of the interface, which polling reports.
        let received = usize::try_from(received).unwrap_or(0);
        for (index, mut frame) in self.posted.drain(..received).enumerate() {
            match messages.received(index) {
                Some(len) => {
                    frame.set_place(HEADROOM, len);
                    batch.push(frame);
                }
                None => {
                    self.counters.rx_errors.add(1);
                    frames.give(frame);
                }
            }
        }
    }

    fn send(&mut self, _: &mut Frames, frame: Frame, _: &DropCounters) {
        self.queued.push(frame);
    }

    fn flush(&mut self, frames: &mut Frames, drops: &DropCounters) -> bool {
        while !self.queued.is_empty() {
            let mut messages = Messages::new();
            let count = self.queued.len().min(BATCH);
            for (index, frame) in self.queued.iter_mut().take(count).enumerate() {
                messages.set(index, frames.bytes(frame));
            }
            let fd = self.socket.fd.as_raw_fd();
            // SAFETY: `count` headers point at as many vectors of `messages`, and those at the queued frames' bytes,
            // which nothing changes during the call.
            let sent =
                unsafe { libc::sendmmsg(fd, messages.headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT) };
            let Ok(sent) = usize::try_from(sent) else {
                // The first frame was refused: too large for the interface, its queue full, or the interface gone.
                drop_frame(frames, self.queued.remove(0), drops);
                continue;
            };
            self.counters.tx_packets.add(sent as u64);
            for frame in self.queued.drain(..sent) {
                self.counters.tx_bytes.add(frame.len() as u64);
                frames.give(frame);
            }
        }
        true
    }

    fn held(&self) -> usize {
        self.posted.len() + self.queued.len()
    }

    fn counters(&self) -> &PortCounters {
        &self.counters
    }
}

impl Observed for PacketSocket {
    fn statistics(&self) -> io::Result<KernelStatistics> {
        let new: TpacketStats = option(&self.fd, libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        let before = self.dropped.fetch_add(u64::from(new.drops), Relaxed);
        Ok(KernelStatistics { rx_dropped: before + u64::from(new.drops), ..KernelStatistics::default() })
    }
}
