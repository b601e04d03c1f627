//! Network interfaces by name.
#![allow(unsafe_code, reason = "interface ioctls have no wrapper in the standard library")]

use std::{
    ffi::CString,
    io, mem,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use mimiq_contract::PortId;

use crate::{
    OpenError,
    sys::{check, set_option, socket},
};

/// Which interface a port is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// The port's number in the tables.
    pub id: PortId,
    /// The interface's name in this thread's network namespace.
    pub interface: String,
}

/// An interface that is up.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) id: PortId,
    pub(crate) name: String,
    pub(crate) index: u32,
    /// The largest IP packet, bytes.
    pub(crate) mtu: usize,
    /// Receive queues.
    pub(crate) queues: u32,
}

/// Finds the interfaces of all ports and checks numbers and names.
pub(crate) fn find_all(configs: &[PortConfig]) -> Result<Vec<Interface>, OpenError> {
    if configs.is_empty() {
        return Err(OpenError::NoPorts);
    }
    let mut found: Vec<Interface> = Vec::with_capacity(configs.len());
    for config in configs {
        if usize::from(config.id.0) >= PortId::COUNT {
            return Err(OpenError::PortNumber(config.id.0));
        }
        if found.iter().any(|other| other.id == config.id) {
            return Err(OpenError::DuplicatePort(config.id.0));
        }
        let interface = find(config)?;
        if found.iter().any(|other| other.index == interface.index) {
            return Err(OpenError::DuplicateInterface(interface.name));
        }
        found.push(interface);
    }
    Ok(found)
}

fn find(config: &PortConfig) -> Result<Interface, OpenError> {
    let name = &config.interface;
    let not_found = || OpenError::NotFound(name.clone());
    let c_name = CString::new(name.as_str()).map_err(|_| not_found())?;
    if name.len() >= libc::IFNAMSIZ {
        return Err(not_found());
    }
    // SAFETY: a string that ends in 0.
    let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) };
    if index == 0 {
        return Err(not_found());
    }
    let query = || -> io::Result<(bool, usize, u32)> {
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM)?;
        let flags = request(&socket, name, libc::SIOCGIFFLAGS as libc::Ioctl)?;
        let mtu = request(&socket, name, libc::SIOCGIFMTU as libc::Ioctl)?;
        Ok((flags & libc::IFF_UP != 0, mtu as usize, queues(&socket, name)?))
    };
    let (up, mtu, queues) = query().map_err(|e| OpenError::refused(name, "reading its settings", e))?;
    if !up {
        return Err(OpenError::Down(name.clone()));
    }
    Ok(Interface { id: config.id, name: name.clone(), index, mtu, queues })
}

fn ifreq(name: &str) -> libc::ifreq {
    // SAFETY: integers and pointers that may be null.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

/// An ioctl that returns a number: flags or MTU.
fn request(socket: &OwnedFd, name: &str, code: libc::Ioctl) -> io::Result<libc::c_int> {
    let mut request = ifreq(name);
    // SAFETY: these ioctls read and write an `ifreq`.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), code, &raw mut request) })?;
    // SAFETY: the union is zero but for what the kernel wrote; both fields are integers at its start.
    Ok(unsafe {
        if code == libc::SIOCGIFFLAGS as libc::Ioctl {
            libc::c_int::from(request.ifr_ifru.ifru_flags)
        } else {
            request.ifr_ifru.ifru_mtu
        }
    })
}

/// `struct ethtool_channels` (linux/ethtool.h).
#[repr(C)]
#[derive(Default)]
struct Channels {
    cmd: u32,
    max: [u32; 4],
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// How many receive queues the interface has.
fn queues(socket: &OwnedFd, name: &str) -> io::Result<u32> {
    const ETHTOOL_GCHANNELS: u32 = 0x3c;
    let mut channels = Channels { cmd: ETHTOOL_GCHANNELS, ..Channels::default() };
    let mut request = ifreq(name);
    request.ifr_ifru.ifru_data = (&raw mut channels).cast();
    // SAFETY: ETHTOOL_GCHANNELS reads and writes an `ethtool_channels`, which outlives the call.
    match check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as libc::Ioctl, &raw mut request) }) {
        Ok(_) => Ok((channels.rx + channels.combined).max(1)),
        // The driver has no such notion: one queue.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(1),
        Err(error) => Err(error),
    }
}

/// Makes the interface receive frames for any destination while the packet socket `fd` is open: clients send to
/// the gateway's MAC and to solicited-node multicast groups, none of which the interface has joined.
pub(crate) fn set_promiscuous(fd: impl AsFd, index: u32) -> io::Result<()> {
    let request = libc::packet_mreq {
        mr_ifindex: index as libc::c_int,
        mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_option(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(id: u16, interface: &str) -> PortConfig {
        PortConfig { id: PortId(id), interface: interface.into() }
    }

    #[test]
    fn refusals_name_the_port_or_interface() {
        let refusal = |configs: &[PortConfig]| find_all(configs).unwrap_err().to_string();
        assert_eq!(refusal(&[]), "ports: none given");
        assert_eq!(refusal(&[port(512, "lo")]), "port 512: the largest port number is 511");
        assert_eq!(refusal(&[port(1, "no-such-if")]), "interface no-such-if: not found");
        assert_eq!(refusal(&[port(1, "a\0b")]), "interface a\0b: not found");
        let long = "x".repeat(300);
        assert_eq!(refusal(&[port(1, &long)]), format!("interface {long}: not found"));
    }
}
