//! Wrapped frames: reading what a switch relayed, and building the reply. Pure.

use std::net::Ipv6Addr;

use etherparse::{EtherType, Ethernet2Slice, IpNumber, Ipv6HeaderSlice, UdpHeader, UdpSlice};
use mimiq_contract::{
    MacAddr, PortId,
    relay::{Direction, HEADER_LEN, RelayError, RelayHeader},
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC},
};

use mimiq_core::Location;

use super::Peer;

const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const UDP_LEN: usize = 8;

/// Why a relayed datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayDrop {
    /// The relay header is truncated or has unknown values.
    RelayHeader,
    /// It claims to come from the controller.
    Direction,
    /// No switch has this SID.
    UnknownSid,
    /// The outer source is not the address of the switch with this SID.
    WrongSwitch,
    /// Its port sends too many.
    RateLimited,
    /// The frame is shorter than its headers, or than they say.
    Truncated,
    /// It is no UDP in IPv6.
    NotUdp,
    /// The source MAC address is a group or zero.
    SourceMac,
    /// The source is not link-local, or the destination is not the control address and port.
    Address,
    /// The UDP checksum is wrong or missing: the client's interface may rely on checksum offload.
    UdpChecksum,
}

impl RelayDrop {
    /// The reason's name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::RelayHeader => "relay_header",
            Self::Direction => "direction",
            Self::UnknownSid => "unknown_sid",
            Self::WrongSwitch => "wrong_switch",
            Self::RateLimited => "rate_limited",
            Self::Truncated => "truncated",
            Self::NotUdp => "not_udp",
            Self::SourceMac => "source_mac",
            Self::Address => "address",
            Self::UdpChecksum => "udp_checksum",
        }
    }
}

impl From<RelayError> for RelayDrop {
    fn from(_: RelayError) -> Self {
        Self::RelayHeader
    }
}

/// A client's control datagram, unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it comes from.
    pub peer: Peer,
    /// Its ECN bits (RFC 3168).
    pub ecn: u8,
    /// What the UDP datagram carries.
    pub payload: &'a [u8],
}

/// Reads a relayed datagram that came from `outer_source`; `switch_of` says the internal address of the switch with a SID,
/// and `admit` whether one more datagram of a port is looked at.
///
/// # Errors
/// If it is malformed or not from the switch it names; to be counted and dropped.
pub fn parse(
    bytes: &[u8],
    outer_source: Ipv6Addr,
    switch_of: impl Fn(u16) -> Option<Ipv6Addr>,
    admit: impl FnOnce(u16, PortId) -> bool,
) -> Result<Datagram<'_>, RelayDrop> {
    let relay = RelayHeader::parse(bytes)?;
    if relay.direction != Direction::FromClient {
        return Err(RelayDrop::Direction);
    }
    if switch_of(relay.sid).ok_or(RelayDrop::UnknownSid)? != outer_source {
        return Err(RelayDrop::WrongSwitch);
    }
    if !admit(relay.sid, relay.port) {
        return Err(RelayDrop::RateLimited);
    }
    let frame = Ethernet2Slice::from_slice_without_fcs(&bytes[HEADER_LEN..]).map_err(|_| RelayDrop::Truncated)?;
    if frame.ether_type() != EtherType::IPV6 {
        return Err(RelayDrop::NotUdp);
    }
    let mac = MacAddr(frame.source());
    if mac.0[0] & 1 == 1 || mac == MacAddr::default() {
        return Err(RelayDrop::SourceMac);
    }
    let packet = frame.payload_slice();
    let ip = Ipv6HeaderSlice::from_slice(packet).map_err(|_| RelayDrop::Truncated)?;
    if ip.next_header() != IpNumber::UDP {
        return Err(RelayDrop::NotUdp);
    }
    // Ethernet pads short frames, so there may be more bytes than the packet has.
    let ip_payload = packet[IPV6_LEN..].get(..usize::from(ip.payload_length())).ok_or(RelayDrop::Truncated)?;
    let udp = UdpSlice::from_slice(ip_payload).map_err(|_| RelayDrop::Truncated)?;
    let source = ip.source_addr().to_bits();
    let control = ip.destination_addr() == GATEWAY && udp.destination_port() == CONTROL_PORT;
    // fe80::/64, as RFC 4291 §2.5.6 forms link-local addresses: the peer address has room for the lower half alone.
    if source >> 64 != 0xfe80 << 48 || !control || udp.source_port() == 0 {
        return Err(RelayDrop::Address);
    }
    let expected = udp.to_header().calc_checksum_ipv6_raw(ip.source(), ip.destination(), udp.payload());
    if expected != Ok(udp.checksum()) {
        return Err(RelayDrop::UdpChecksum);
    }
    Ok(Datagram {
        peer: Peer {
            location: Location { sid: relay.sid, port: relay.port, mac },
            interface_id: source as u64,
            udp_port: udp.source_port(),
        },
        ecn: ip.traffic_class() & 0b11,
        payload: udp.payload(),
    })
}

/// Builds the wrapped frame that carries `payload` from the control address to `peer`; `None` if it is too long for UDP.
pub fn reply(peer: &Peer, ecn: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = (GATEWAY.octets(), peer.link_local().octets());
    let length = u16::try_from(UDP_LEN + payload.len()).ok()?;
    let mut udp = UdpHeader { source_port: CONTROL_PORT, destination_port: peer.udp_port, length, checksum: 0 };
    udp.checksum = udp.calc_checksum_ipv6_raw(source, destination, payload).ok()?;

    let Location { sid, port, mac } = peer.location;
    let mut bytes = Vec::with_capacity(HEADER_LEN + ETHERNET_LEN + IPV6_LEN + UDP_LEN + payload.len());
    bytes.extend_from_slice(&RelayHeader { direction: Direction::ToClient, sid, port }.emit());
    bytes.extend_from_slice(&mac.0);
    bytes.extend_from_slice(&GATEWAY_MAC.0);
    bytes.extend_from_slice(&EtherType::IPV6.0.to_be_bytes());
    bytes.extend_from_slice(&[0x60, (ecn & 0b11) << 4, 0, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[IpNumber::UDP.0, 255]);
    bytes.extend_from_slice(&source);
    bytes.extend_from_slice(&destination);
    bytes.extend_from_slice(&udp.to_bytes());
    bytes.extend_from_slice(payload);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    use super::*;

    const SWITCH: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn known(sid: u16) -> Option<Ipv6Addr> {
        (sid == 7).then_some(SWITCH)
    }

    fn all(_: u16, _: PortId) -> bool {
        true
    }

    fn wrapped(payload: &[u8]) -> Vec<u8> {
        let header = RelayHeader { direction: Direction::FromClient, sid: 7, port: PortId(3) };
        let mut bytes = header.emit().to_vec();
        let source = "fe80::9".parse::<Ipv6Addr>().unwrap().octets();
        PacketBuilder::ethernet2(MAC, GATEWAY_MAC.0)
            .ipv6(source, GATEWAY.octets(), 255)
            .udp(4242, CONTROL_PORT)
            .write(&mut bytes, payload)
            .unwrap();
        bytes
    }

    #[test]
    fn says_where_the_client_is() {
        let mut bytes = wrapped(b"hello");
        bytes.extend_from_slice(&[0; 6]); // Ethernet padding
        let datagram = parse(&bytes, SWITCH, known, all).unwrap();
        assert_eq!(datagram.payload, b"hello");
        assert_eq!(datagram.peer.location, Location { sid: 7, port: PortId(3), mac: MacAddr(MAC) });
        assert_eq!((datagram.peer.interface_id, datagram.peer.udp_port), (9, 4242));
    }

    #[test]
    fn each_fault_has_its_reason() {
        let at = |offset: usize, value: u8| {
            let mut bytes = wrapped(b"hello");
            bytes[offset] = value;
            parse(&bytes, SWITCH, known, all).unwrap_err()
        };
        let frame = HEADER_LEN;
        assert_eq!(at(0, 2), RelayDrop::RelayHeader);
        assert_eq!(at(1, 2), RelayDrop::Direction);
        assert_eq!(at(3, 8), RelayDrop::UnknownSid);
        assert_eq!(at(frame + 6, 3), RelayDrop::SourceMac);
        assert_eq!(at(frame + 12, 8), RelayDrop::NotUdp);
        assert_eq!(at(frame + 14 + 5, 200), RelayDrop::Truncated);
        assert_eq!(at(frame + 14 + 6, 6), RelayDrop::NotUdp);
        assert_eq!(at(frame + 14 + 8, 0x20), RelayDrop::Address);
        assert_eq!(at(frame + 14 + 39, 0), RelayDrop::Address);
        assert_eq!(at(frame + 14 + 40 + 3, 0), RelayDrop::Address);
        assert_eq!(at(frame + 14 + 40 + 8, b'j'), RelayDrop::UdpChecksum);
        let other = Ipv6Addr::from_bits(SWITCH.to_bits() + 1);
        assert_eq!(parse(&wrapped(b""), other, known, all).unwrap_err(), RelayDrop::WrongSwitch);
        assert_eq!(parse(&wrapped(b""), SWITCH, known, |_, _| false).unwrap_err(), RelayDrop::RateLimited);
        let bytes = wrapped(b"hello");
        assert_eq!(parse(&bytes[..bytes.len() - 1], SWITCH, known, all).unwrap_err(), RelayDrop::Truncated);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_dropped(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, SWITCH, |_| Some(SWITCH), all);
        }

        #[test]
        fn damaged_frames_are_read_or_dropped(at in 0usize..75, value: u8, cut in 0usize..75) {
            let mut bytes = wrapped(b"hello");
            bytes[at] = value;
            bytes.truncate(cut.max(1));
            let _ = parse(&bytes, SWITCH, |_| Some(SWITCH), all);
        }

        #[test]
        fn replies_are_sound_frames(payload in proptest::collection::vec(any::<u8>(), 0..1500), ecn in 0u8..4) {
            let peer = parse(&wrapped(b""), SWITCH, known, all).unwrap().peer;
            let bytes = reply(&peer, ecn, &payload).unwrap();
            let header = RelayHeader::parse(&bytes).unwrap();
            prop_assert_eq!(header, RelayHeader { direction: Direction::ToClient, sid: 7, port: PortId(3) });
            let packet = SlicedPacket::from_ethernet(&bytes[HEADER_LEN..]).unwrap();
            let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("no UDP") };
            prop_assert_eq!((udp.source_port(), udp.destination_port()), (CONTROL_PORT, 4242));
            prop_assert_eq!(udp.payload(), &payload[..]);
            let (gateway, client) = (GATEWAY.octets(), peer.link_local().octets());
            let sum = udp.to_header().calc_checksum_ipv6_raw(gateway, client, udp.payload()).unwrap();
            prop_assert_eq!(udp.checksum(), sum);
            prop_assert_eq!(bytes[HEADER_LEN + 15] >> 4, ecn);
        }
    }
}
