use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use mimiq_contract::{MacAddr, PortId};
use mimiq_core::Location;

/// One end of a control conversation: where the client is, and its link-local address and UDP port there.
///
/// As a socket address it is `[SID:16 | MAC:48 | interface identifier:64]` with the switch port as scope ID, so that
/// QUIC can tell clients apart though link-local addresses repeat, and nothing is stored before the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Where the client is.
    pub location: Location,
    /// The lower half of its link-local address; the upper half is `fe80::/64`.
    pub interface_id: u64,
    /// Its UDP port.
    pub udp_port: u16,
}

impl Peer {
    /// The client's link-local address.
    pub fn link_local(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(self.interface_id))
    }
}

impl From<Peer> for SocketAddr {
    fn from(peer: Peer) -> Self {
        let Location { sid, port, mac } = peer.location;
        let mac = mac.0.iter().fold(0, |n, b| n << 8 | u128::from(*b));
        let bits = u128::from(sid) << 112 | mac << 64 | u128::from(peer.interface_id);
        SocketAddrV6::new(Ipv6Addr::from_bits(bits), peer.udp_port, 0, u32::from(port.0)).into()
    }
}

impl TryFrom<SocketAddr> for Peer {
    type Error = SocketAddr;

    /// Refuses addresses that no [`Peer`] has.
    fn try_from(address: SocketAddr) -> Result<Self, SocketAddr> {
        let SocketAddr::V6(v6) = address else { return Err(address) };
        let port = u16::try_from(v6.scope_id()).ok().filter(|p| usize::from(*p) < PortId::COUNT).ok_or(address)?;
        let [s0, s1, a, b, c, d, e, f, id @ ..] = v6.ip().octets();
        Ok(Self {
            location: Location {
                sid: u16::from_be_bytes([s0, s1]),
                port: PortId(port),
                mac: MacAddr([a, b, c, d, e, f]),
            },
            interface_id: u64::from_be_bytes(id),
            udp_port: v6.port(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn peers_survive_as_socket_addresses(sid: u16, port in 0u16..512, mac: [u8; 6], interface_id: u64, udp_port: u16) {
            let peer = Peer { location: Location { sid, port: PortId(port), mac: MacAddr(mac) }, interface_id, udp_port };
            prop_assert_eq!(Peer::try_from(SocketAddr::from(peer)), Ok(peer));
        }
    }
}
