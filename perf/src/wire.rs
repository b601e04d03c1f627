//! Wrapped frames as a client-facing switch relays them (`mimiq_contract::relay`): made for the controller, and read from
//! it. Pure.

use std::net::Ipv6Addr;

use etherparse::{EtherType, IpNumber, Ipv6HeaderSlice, UdpHeader, UdpSlice};
use mimiq_contract::{
    MacAddr, PortId,
    relay::{Direction, HEADER_LEN, RelayHeader},
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC},
};

const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const UDP_LEN: usize = 8;
/// What is put in front of a client's datagram.
const WRAPPING: usize = HEADER_LEN + ETHERNET_LEN + IPV6_LEN + UDP_LEN;
/// What every simulated client sends from: each has its own link-local address.
const CLIENT_PORT: u16 = 49152;

/// A simulated client's place in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its switch.
    pub sid: u16,
    /// The switch's port.
    pub port: PortId,
    /// The client's number; MAC and link-local address follow from it.
    pub client: u32,
}

/// What came from the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received<'a> {
    /// For whom.
    pub place: Place,
    /// ECN bits (RFC 3168).
    pub ecn: u8,
    /// What the UDP datagram carries.
    pub payload: &'a [u8],
}

impl Place {
    fn mac(&self) -> MacAddr {
        let [a, b, c, d] = self.client.to_be_bytes();
        MacAddr([0x02, 0x70, a, b, c, d])
    }

    fn link_local(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits((0xfe80 << 112) + u128::from(self.client) + 1)
    }

    /// Appends the client's datagram as its switch wraps it; nothing if it is too long for UDP.
    pub(crate) fn wrap(&self, ecn: u8, payload: &[u8], bytes: &mut Vec<u8>) {
        let (source, destination) = (self.link_local().octets(), GATEWAY.octets());
        let Ok(length) = u16::try_from(UDP_LEN + payload.len()) else { return };
        let mut udp = UdpHeader { source_port: CLIENT_PORT, destination_port: CONTROL_PORT, length, checksum: 0 };
        let Ok(checksum) = udp.calc_checksum_ipv6_raw(source, destination, payload) else { return };
        udp.checksum = checksum;

        bytes.reserve(WRAPPING + payload.len());
        let relay = RelayHeader { direction: Direction::FromClient, sid: self.sid, port: self.port };
        bytes.extend_from_slice(&relay.emit());
        bytes.extend_from_slice(&GATEWAY_MAC.0);
        bytes.extend_from_slice(&self.mac().0);
        bytes.extend_from_slice(&EtherType::IPV6.0.to_be_bytes());
        bytes.extend_from_slice(&[0x60, ecn << 4, 0, 0]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[IpNumber::UDP.0, 255]);
        bytes.extend_from_slice(&source);
        bytes.extend_from_slice(&destination);
        bytes.extend_from_slice(&udp.to_bytes());
        bytes.extend_from_slice(payload);
    }
}

/// Reads a datagram of the controller; `None` if it is none for a simulated client. The inner checksum is not looked at:
/// QUIC authenticates what it would protect.
pub(crate) fn unwrap(bytes: &[u8]) -> Option<Received<'_>> {
    let relay = RelayHeader::parse(bytes).ok().filter(|relay| relay.direction == Direction::ToClient)?;
    let frame = bytes.get(HEADER_LEN..)?;
    let (&[d0, d1, a, b, c, d, _, _, _, _, _, _, t0, t1], packet) = frame.split_first_chunk::<ETHERNET_LEN>()?;
    if [d0, d1] != [0x02, 0x70] || [t0, t1] != EtherType::IPV6.0.to_be_bytes() {
        return None;
    }
    let place = Place { sid: relay.sid, port: relay.port, client: u32::from_be_bytes([a, b, c, d]) };
    let ip = Ipv6HeaderSlice::from_slice(packet).ok().filter(|ip| ip.next_header() == IpNumber::UDP)?;
    // Ethernet pads short frames.
    let udp = packet.get(IPV6_LEN..)?.get(..usize::from(ip.payload_length()))?;
    let udp = UdpSlice::from_slice(udp).ok()?;
    let addressed = ip.destination_addr() == place.link_local() && udp.destination_port() == CLIENT_PORT;
    let control = ip.source_addr() == GATEWAY && udp.source_port() == CONTROL_PORT;
    (addressed && control).then(|| Received { place, ecn: ip.traffic_class() & 0b11, payload: udp.payload() })
}

#[cfg(test)]
mod tests {
    use mimiq_controller::relay::{self, Location};
    use proptest::prelude::*;

    use super::*;

    const SWITCH: Ipv6Addr = Ipv6Addr::LOCALHOST;

    fn place() -> impl Strategy<Value = Place> {
        (any::<u16>(), 0u16..512, any::<u32>()).prop_map(|(sid, port, client)| Place {
            sid,
            port: PortId(port),
            client,
        })
    }

    proptest! {
        #[test]
        fn the_controller_reads_what_is_wrapped_and_its_reply_is_read(
            place in place(), ecn in 0u8..4, payload in proptest::collection::vec(any::<u8>(), 0..1500),
        ) {
            let mut bytes = Vec::new();
            place.wrap(ecn, &payload, &mut bytes);
            let datagram = relay::parse(&bytes, SWITCH, |sid| (sid == place.sid).then_some(SWITCH), |_, _| true).unwrap();
            prop_assert_eq!((datagram.ecn, datagram.payload), (ecn, &payload[..]));
            prop_assert_eq!(datagram.peer.location, Location { sid: place.sid, port: place.port, mac: place.mac() });

            let reply = relay::reply(&datagram.peer, ecn, &payload).unwrap();
            prop_assert_eq!(unwrap(&reply), Some(Received { place, ecn, payload: &payload }));
        }

        #[test]
        fn garbage_is_read_or_dropped(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unwrap(&bytes);
        }

        #[test]
        fn damaged_replies_are_read_or_dropped(place in place(), at in 0usize..75, value: u8, cut in 0usize..75) {
            let mut bytes = Vec::new();
            place.wrap(0, b"hello", &mut bytes);
            let datagram = relay::parse(&bytes, SWITCH, |_| Some(SWITCH), |_, _| true).unwrap();
            let mut reply = relay::reply(&datagram.peer, 0, b"hello").unwrap();
            reply[at] = value;
            reply.truncate(cut.max(1));
            let _ = unwrap(&reply);
        }
    }
}
