//! Frames as hosts send them.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{IpNumber, Ipv4Header, Ipv6Header, PacketBuilder};
use mimiq_contract::MacAddr;

use crate::switch::CLIENT_MAC;

/// Where frames are sent to; the pipeline does not look at it.
pub(crate) const TO_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xee]);

/// UDP in IPv6 from the client's MAC.
pub(crate) fn udp6(src: Ipv6Addr, dst: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    udp6_with(src, dst, 64, 5000, payload)
}

pub(crate) fn udp6_with(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(CLIENT_MAC.0, TO_MAC.0).ipv6(src.octets(), dst.octets(), hop_limit);
    builder.udp(4000, port).write(&mut frame, payload).unwrap();
    frame
}

/// UDP in IPv4 from the client's MAC.
pub(crate) fn udp4(src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    udp4_with(src, dst, 64, payload)
}

pub(crate) fn udp4_with(src: Ipv4Addr, dst: Ipv4Addr, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(CLIENT_MAC.0, TO_MAC.0).ipv4(src.octets(), dst.octets(), ttl);
    builder.udp(4000, 5000).write(&mut frame, payload).unwrap();
    frame
}

/// An IPv6 packet with any next header and payload.
pub(crate) fn raw6(src: Ipv6Addr, dst: Ipv6Addr, next_header: IpNumber, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        payload_length: payload.len() as u16,
        next_header,
        hop_limit: 64,
        source: src.octets(),
        destination: dst.octets(),
        ..Ipv6Header::default()
    };
    ethernet(0x86dd, &[&header.to_bytes()[..], payload].concat())
}

/// An IPv4 packet with any protocol and payload.
pub(crate) fn raw4(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpNumber, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(payload.len() as u16, 64, protocol, src.octets(), dst.octets()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    ethernet(0x0800, &[&header.to_bytes()[..], payload].concat())
}

/// An Ethernet frame from the client's MAC.
pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&TO_MAC.0[..], &CLIENT_MAC.0, &ether_type.to_be_bytes(), payload].concat()
}

/// The packet of `frame` in a tunnel, as another switch would send it.
pub(crate) fn tunnelled(src: Ipv6Addr, dst: Ipv6Addr, frame: &[u8]) -> Vec<u8> {
    let next_header = if frame[12..14] == [0x08, 0x00] { IpNumber::IPV4 } else { IpNumber::IPV6 };
    raw6(src, dst, next_header, &frame[14..])
}

/// The IPv6 header and what follows it.
pub(crate) fn ipv6(frame: &[u8]) -> (Ipv6Header, &[u8]) {
    assert_eq!(frame[12..14], [0x86, 0xdd]);
    Ipv6Header::from_slice(&frame[14..]).unwrap()
}

/// The IPv4 header, whose checksum is right, and what follows it.
pub(crate) fn ipv4(frame: &[u8]) -> (Ipv4Header, &[u8]) {
    assert_eq!(frame[12..14], [0x08, 0x00]);
    let (header, rest) = Ipv4Header::from_slice(&frame[14..]).unwrap();
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    (header, rest)
}

/// The frame's MACs: destination, source.
pub(crate) fn macs(frame: &[u8]) -> (MacAddr, MacAddr) {
    (MacAddr(frame[..6].try_into().unwrap()), MacAddr(frame[6..12].try_into().unwrap()))
}
