//! AF_PACKET: packet sockets, for kernels and interfaces without AF_XDP. Each frame is copied twice, and the kernel's own
//! network stack sees what is received: disable IPv6 and forwarding on the interfaces, or it answers as well.
//!
//! `pnet_datalink` is not used: it polls and receives one frame a call, per socket and into its own buffer, reports
//! neither truncation nor VLAN tags, and hears what its own host sends. recvmmsg(2) and sendmmsg(2) take a batch a call,
//! straight into the frames.
#![allow(unsafe_code, reason = "bind of AF_PACKET has no wrapper in the standard library")]

mod messages;
mod port;

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use mimiq_pipeline::HEADROOM;
use tracing::info;

pub use port::PacketPort;

use crate::{
    OpenError, PortConfig,
    forward::Ports,
    frames::Frames,
    interface::{Interface, find_all, set_promiscuous},
    port::{BATCH, KernelStatistics, Observed, PortCounters, PortMonitor},
    sys::{Plain, check, option, set_option, socket},
};

/// Ethernet header and two VLAN tags.
const LINK_HEADERS: usize = 22;
/// Bytes of received frames that the kernel may queue: what AF_XDP's fill ring holds.
const RECEIVE_BUFFER: libc::c_int = 8 << 20;
/// `struct tpacket_stats`; reading it resets it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct TpacketStats {
    packets: u32,
    drops: u32,
}

// SAFETY: integers alone.
unsafe impl Plain for TpacketStats {}

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
        ports.push(PacketPort::new(interface.id, socket, counters));
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

impl Observed for PacketSocket {
    fn statistics(&self) -> io::Result<KernelStatistics> {
        let new: TpacketStats = option(&self.fd, libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        let before = self.dropped.fetch_add(u64::from(new.drops), Relaxed);
        Ok(KernelStatistics { rx_dropped: before + u64::from(new.drops), ..KernelStatistics::default() })
    }
}
