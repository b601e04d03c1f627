//! AF_XDP: the kernel places frames straight into our memory, and sends them from there.
//!
//! One UMEM serves all ports (XDP_SHARED_UMEM), so a frame is forwarded by moving its descriptor from one port's receive
//! ring to another's transmit ring. Per queue of each interface there are a socket and four rings.

mod port;
mod program;
mod ring;
mod socket;

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::info;

use port::Attachment;
pub use port::XdpPort;
use program::{Hook, XskMap};
use socket::{RING_SIZE, XskSocket};

use crate::{
    OpenError, PortConfig,
    forward::Ports,
    frames::Frames,
    interface::{Interface, find_all, set_promiscuous},
    port::{Observed, PortCounters, PortMonitor},
    sys::socket as new_socket,
};

/// XDP_PACKET_HEADROOM: the kernel leaves so much before each received frame. It is where outer headers go.
const KERNEL_HEADROOM: usize = 256;
/// Ethernet header and two VLAN tags.
const LINK_HEADERS: usize = 22;
/// The kernel takes these chunk sizes: a power of two up to a page.
const CHUNKS: [usize; 2] = [2048, 4096];
/// Frames a queue: its fill ring and its completion ring can be full at once.
const FRAMES_PER_QUEUE: usize = 2 * RING_SIZE as usize;
/// How long a queue may stay taken after its socket has been closed.
const QUEUE_PATIENCE: Duration = Duration::from_secs(1);
/// Binding to a UMEM of another socket, as messages call it.
const BIND: &str = "binding an AF_XDP socket";

/// Opens AF_XDP ports on interfaces of this thread's network namespace. The XDP program runs in the driver if the driver
/// can do that with the interface's MTU (native mode), otherwise in the kernel's stack (generic mode);
/// [`PortMonitor::mode`] and the log say which. Programs are detached when the result is dropped or the process ends.
///
/// # Errors
/// If an interface does not exist, is down, has an MTU of more than 3818 bytes, or if the kernel refuses.
pub fn open(configs: &[PortConfig]) -> Result<Ports<XdpPort>, OpenError> {
    let interfaces = find_all(configs)?;
    match open_with(&interfaces, 0) {
        // The first socket found a zero-copy driver, which another interface lacks: they must all copy then.
        Err(error) if matches!(error.errno_of(BIND), Some(libc::EOPNOTSUPP | libc::EINVAL)) => {
            open_with(&interfaces, libc::XDP_COPY)
        }
        result => result,
    }
}

fn open_with(interfaces: &[Interface], bind_flags: u16) -> Result<Ports<XdpPort>, OpenError> {
    let chunk = chunk_size(interfaces)?;
    let queues: usize = interfaces.iter().map(|interface| interface.queues as usize).sum();
    let first = interfaces.first().ok_or(OpenError::NoPorts)?;
    let mut frames = Frames::new(queues * FRAMES_PER_QUEUE, chunk)
        .map_err(|error| OpenError::refused(&first.name, "allocating frames", error))?;
    let (mut ports, mut monitors) = (Vec::new(), Vec::new());
    let mut owner: Option<Arc<XskSocket>> = None;
    for interface in interfaces {
        let refused = |action| move |error| OpenError::refused(&interface.name, action, error);
        let map = XskMap::new(interface.queues).map_err(refused("creating an XSKMAP"))?;
        let mut sockets = Vec::new();
        for queue in 0..interface.queues {
            let socket = Arc::new(XskSocket::new().map_err(refused("opening an AF_XDP socket"))?);
            if owner.is_none() {
                socket.register(&frames).map_err(refused("registering the UMEM"))?;
            }
            let rings = socket.rings().map_err(refused("creating AF_XDP rings"))?;
            bind(&socket, interface.index, queue, bind_flags, owner.as_deref()).map_err(refused(BIND))?;
            map.set(queue, socket.as_fd()).map_err(refused("adding a socket to the XSKMAP"))?;
            owner.get_or_insert_with(|| socket.clone());
            sockets.push((socket, rings));
        }
        let promiscuous = promiscuous(interface).map_err(refused("setting promiscuous mode"))?;
        let (link, hook) = attach(&map, interface.index).map_err(refused("attaching the XDP program"))?;
        let attachment = Arc::new(Attachment { _link: link, _promiscuous: promiscuous });
        let counters = Arc::new(PortCounters::default());
        let zero_copy = sockets.iter().all(|(socket, _)| socket.is_zero_copy().unwrap_or(false));
        let mode = mode(hook, zero_copy, interface.queues, chunk);
        info!(port = interface.id.0, interface = interface.name, mode, "port open");
        monitors.push(PortMonitor {
            id: interface.id,
            interface: interface.name.clone(),
            mode,
            counters: counters.clone(),
            sockets: sockets.iter().map(|(socket, _)| Arc::downgrade(&(socket.clone() as Arc<dyn Observed>))).collect(),
        });
        for (socket, rings) in sockets {
            let mut port = XdpPort::new(interface.id, socket, rings, counters.clone(), attachment.clone());
            port.refill(&mut frames);
            ports.push(port);
        }
    }
    Ok(Ports::new(frames, ports, monitors))
}

/// Binds. The kernel frees the queue of a closed socket a little later than the socket, in a worker, so a restarted switch
/// would find it taken.
fn bind(socket: &XskSocket, ifindex: u32, queue: u32, flags: u16, owner: Option<&XskSocket>) -> io::Result<()> {
    let patience = Instant::now() + QUEUE_PATIENCE;
    loop {
        match socket.bind(ifindex, queue, flags, owner) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < patience => {
                #[allow(clippy::disallowed_methods, reason = "there is no event to await")]
                std::thread::sleep(QUEUE_PATIENCE / 100);
            }
            result => return result,
        }
    }
}

fn mode(hook: Hook, zero_copy: bool, queues: u32, chunk: usize) -> String {
    let hook = match hook {
        Hook::Native => "native",
        Hook::Generic => "generic",
    };
    let copy = if zero_copy { "zero-copy" } else { "copied" };
    format!("AF_XDP, {hook} mode, {copy}, {queues} queue(s), chunks of {chunk} bytes")
}

/// The smallest chunk that holds a frame of every interface.
fn chunk_size(interfaces: &[Interface]) -> Result<usize, OpenError> {
    let max_mtu = |chunk: usize| chunk - KERNEL_HEADROOM - LINK_HEADERS;
    let [small, large] = CHUNKS;
    if let Some(Interface { name, mtu, .. }) = interfaces.iter().find(|i| i.mtu > max_mtu(large)) {
        return Err(OpenError::Mtu { interface: name.clone(), mtu: *mtu, max: max_mtu(large) });
    }
    Ok(if interfaces.iter().all(|i| i.mtu <= max_mtu(small)) { small } else { large })
}

fn attach(map: &XskMap, ifindex: u32) -> io::Result<(OwnedFd, Hook)> {
    let program = map.load_program()?;
    match program::attach(program.as_fd(), ifindex, Hook::Native) {
        Ok(link) => Ok((link, Hook::Native)),
        // Something is attached already: generic mode would be refused as well, with a less clear error.
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Err(error),
        Err(native) => match program::attach(program.as_fd(), ifindex, Hook::Generic) {
            Ok(link) => {
                info!(reason = %native, "the driver refuses native mode");
                Ok((link, Hook::Generic))
            }
            Err(_) => Err(native),
        },
    }
}

/// A packet socket that receives nothing and keeps the interface promiscuous while it is open.
fn promiscuous(interface: &Interface) -> io::Result<OwnedFd> {
    let socket = new_socket(libc::AF_PACKET, libc::SOCK_RAW)?;
    set_promiscuous(&socket, interface.index)?;
    Ok(socket)
}
