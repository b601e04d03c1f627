//! Real interfaces for tests: veth pairs in a network namespace that belongs to the test's thread. It has no name and
//! vanishes with the thread and its sockets, however the test ends.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

use std::{
    io::{self, Write as _},
    process::Command,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use mimiq_contract::PortId;
use mimiq_io::{Port, PortConfig, PortMonitor, Ports, Shutdown, forward};
use mimiq_pipeline::{DropCounters, Packet, Verdict};
use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender};

/// How long to wait for a frame that must come.
pub const SOON: Duration = Duration::from_secs(10);
/// How long to wait for a frame that must not come.
pub const NEVER: Duration = Duration::from_millis(200);

/// Says why a test does nothing, to the terminal: what a test that passes prints is not shown.
pub fn skipped(why: &str) {
    io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

/// Runs a test on a thread with a network namespace of its own; says so where that is impossible.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        #[allow(unsafe_code, reason = "unshare has no wrapper")]
        // SAFETY: no pointers; only this thread's namespace changes.
        let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        if result != 0 {
            return skipped(&format!("needs root to make a network namespace: {}", io::Error::last_os_error()));
        }
        if Command::new("ip").arg("-V").output().is_err() {
            return skipped("needs the command `ip` (iproute2)");
        }
        // No neighbour discovery of the kernel's own between the frames.
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in this thread's namespace and returns what it prints.
pub fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the veth pair `sw<n>` (the switch's end) and `h<n>` (the host's).
pub fn veth(n: u16, mtu: usize) -> PortConfig {
    ip(&format!("link add sw{n} mtu {mtu} type veth peer name h{n} mtu {mtu}"));
    ip(&format!("link set sw{n} up"));
    ip(&format!("link set h{n} up"));
    await_link(n);
    PortConfig { id: PortId(n), interface: format!("sw{n}") }
}

/// Waits until both ends of a pair can send: the kernel starts their queues a moment after it has brought up the link, and drops
/// what is sent before.
pub fn await_link(n: u16) {
    let is_up = |end| ip(&format!("link show {end}{n}")).contains("state UP");
    while !(is_up("sw") && is_up("h")) {}
}

/// A host's end of a veth pair, by an AF_PACKET implementation that is not the one under test.
pub struct Host {
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
}

impl Host {
    pub fn new(n: u16) -> Self {
        Self::with_timeout(n, SOON)
    }

    pub fn with_timeout(n: u16, timeout: Duration) -> Self {
        let name = format!("h{n}");
        let interface = pnet_datalink::interfaces().into_iter().find(|i| i.name == name).unwrap();
        let config = Config {
            read_timeout: Some(timeout),
            read_buffer_size: 1 << 16,
            write_buffer_size: 1 << 16,
            ..Config::default()
        };
        match pnet_datalink::channel(&interface, config).unwrap() {
            Channel::Ethernet(sender, receiver) => Self { sender, receiver },
            _ => unreachable!("an Ethernet channel was asked for"),
        }
    }

    pub fn send(&mut self, frame: &[u8]) {
        self.sender.send_to(frame, None).unwrap().unwrap();
    }

    pub fn receive(&mut self) -> Option<Vec<u8>> {
        match self.receiver.next() {
            Ok(frame) => Some(frame.to_vec()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// An Ethernet frame of `len` bytes, told apart by `seed`, to another host, a multicast group that no interface has
/// joined (neighbour solicitations go to such), or all. The EtherType is one for local experiments, which the
/// kernel's own stack ignores.
pub fn frame(len: usize, seed: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..len).map(|i| (i * 7 + seed * 131 + (seed >> 8)) as u8).collect();
    let destinations = [[0x02, 0, 0, 0, 0, 1], [0x33, 0x33, 0xff, 0, 0, 1], [0xff; 6]];
    frame[..6].copy_from_slice(&destinations[seed % destinations.len()]);
    frame[6..12].copy_from_slice(&[0x02, 0, 0, 0, 0, 2]);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

/// Sends every packet of port 1 to port 2 and back.
pub fn cross(packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>) {
    verdicts.extend(packets.iter().map(|packet| Verdict::Send(PortId(3 - packet.port.0))));
}

/// A forwarding loop on its thread.
pub struct Running<P> {
    pub drops: Arc<DropCounters>,
    pub monitors: Vec<PortMonitor>,
    shutdown: Shutdown,
    thread: JoinHandle<Ports<P>>,
}

impl<P: Port + 'static> Running<P> {
    pub fn start(
        mut ports: Ports<P>,
        process: impl FnMut(&mut [Packet<'_>], &mut Vec<Verdict>) + Send + 'static,
    ) -> Self {
        let monitors = ports.monitors().to_vec();
        let (drops, shutdown) = (Arc::new(DropCounters::default()), Shutdown::new().unwrap());
        let (drops_inside, shutdown_inside) = (drops.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || {
            forward(&mut ports, &drops_inside, &shutdown_inside, process).unwrap();
            ports
        });
        Self { drops, monitors, shutdown, thread }
    }

    pub fn stop(self) -> Ports<P> {
        self.shutdown.signal();
        self.thread.join().unwrap()
    }
}

/// Sends frames of these lengths and expects them unchanged. A window of 8 jumbo frames fits a host's receive buffer (208 KiB
/// by default, where a frame of 9000 bytes takes 17).
pub fn exchange(from: &mut Host, to: &mut Host, lengths: impl Iterator<Item = usize>) {
    let lengths: Vec<usize> = lengths.collect();
    for (window, lengths) in lengths.chunks(8).enumerate() {
        let frames: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, len)| frame(*len, window * 8 + i)).collect();
        frames.iter().for_each(|frame| from.send(frame));
        for sent in frames {
            let received = to.receive().unwrap_or_else(|| panic!("a frame of {} bytes was lost", sent.len()));
            assert!(received == sent, "a frame of {} bytes was changed, or came out of order", sent.len());
        }
    }
}
