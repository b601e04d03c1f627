use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use mimiq_contract::PortId;
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send, setsockopt, socket,
        sockopt::RcvBufForce,
    },
};

use super::PortFrame;

/// How long to wait for a frame that must come.
const SOON: Duration = Duration::from_secs(10);
/// Enough for a batch of jumbo frames.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The other ends of a switch's ports: veth pairs in this thread's network namespace.
pub(super) struct Links {
    hosts: BTreeMap<PortId, OwnedFd>,
    mtu: usize,
}

impl Links {
    /// Makes a pair for each port: `sw<port>` is the switch's end.
    pub(super) fn new(ports: impl Iterator<Item = PortId>, mtu: usize) -> Result<Self> {
        // No neighbour discovery of the kernel's own between the frames.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
        let mut hosts = BTreeMap::new();
        for PortId(n) in ports {
            ip(&format!("link add sw{n} mtu {mtu} type veth peer name h{n} mtu {mtu}"))?;
            ip(&format!("link set sw{n} up"))?;
            ip(&format!("link set h{n} up"))?;
            // The kernel starts the queues a moment after it has brought up the link, and drops what is sent before.
            let deadline = Instant::now() + SOON;
            for end in [format!("sw{n}"), format!("h{n}")] {
                while !ip(&format!("link show {end}"))?.contains("state UP") {
                    ensure!(Instant::now() < deadline, "{end} does not come up");
                }
            }
            hosts.insert(PortId(n), open(&format!("h{n}"))?);
        }
        Ok(Self { hosts, mtu })
    }

    /// Why a frame cannot be carried.
    pub(super) fn obstacle(&self, frame: &[u8]) -> Option<String> {
        match frame.len() {
            0..14 => Some("is shorter than an Ethernet header".into()),
            len if len > 14 + self.mtu => Some(format!("exceeds the interfaces' MTU of {}", self.mtu)),
            _ => None,
        }
    }

    pub(super) fn send(&self, port: PortId, frame: &[u8]) -> Result<()> {
        let host = self.hosts.get(&port).with_context(|| format!("port {}: has no interface", port.0))?;
        let sent = send(host.as_raw_fd(), frame, MsgFlags::empty())
            .with_context(|| format!("port {}: sending {} bytes", port.0, frame.len()))?;
        ensure!(sent == frame.len(), "port {}: {sent} of {} bytes were sent", port.0, frame.len());
        Ok(())
    }

    /// Receives frames until one of `port` is `last`, which is left out.
    pub(super) fn receive_until(&self, port: PortId, last: &[u8], received: &mut Vec<PortFrame>) -> Result<()> {
        let deadline = Instant::now() + SOON;
        let ports: Vec<_> = self.hosts.iter().collect();
        loop {
            let mut fds: Vec<_> = ports.iter().map(|(_, fd)| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
            let left = PollTimeout::try_from(deadline.saturating_duration_since(Instant::now()))?;
            match poll(&mut fds, left) {
                Ok(0) => bail!("the switch did not answer the frame that ends a batch within {SOON:?}"),
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error).context("poll"),
            }
            let mut done = false;
            for (id, fd) in &ports {
                while let Some(frame) = receive(fd)? {
                    if **id == port && frame == last {
                        done = true;
                    } else {
                        received.push((**id, frame));
                    }
                }
            }
            if done {
                return Ok(());
            }
        }
    }
}

fn ip(arguments: &str) -> Result<String> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().context("ip (iproute2)")?;
    ensure!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Brings up this namespace's loopback interface.
pub(super) fn loopback_up() -> Result<()> {
    ip("link set lo up").map(drop)
}

/// A packet socket on an interface.
fn open(interface: &str) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).context("packet socket")?;
    setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER).context("packet socket")?;
    bind(fd.as_raw_fd(), &address(interface)?).with_context(|| interface.to_owned())?;
    Ok(fd)
}

fn address(interface: &str) -> Result<LinkAddr> {
    let mut addresses = nix::ifaddrs::getifaddrs()?.filter(|a| a.interface_name == interface);
    let link = addresses.find_map(|a| a.address?.as_link_addr().copied());
    link.with_context(|| format!("{interface}: no such interface"))
}

/// The next frame that has come in, if any. The socket hears what it sends itself, too.
fn receive(fd: &OwnedFd) -> Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match recvfrom::<LinkAddr>(fd.as_raw_fd(), &mut buffer) {
            Ok((_, Some(from))) if from.pkttype() == libc::PACKET_OUTGOING => {}
            Ok((len, _)) => {
                buffer.truncate(len);
                return Ok(Some(buffer));
            }
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("receiving"),
        }
    }
}
