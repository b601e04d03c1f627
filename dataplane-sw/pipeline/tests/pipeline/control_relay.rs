//! Line 4: control datagrams are wrapped for the controller.

use etherparse::{IpNumber, Ipv6FragmentHeader, UdpHeader};
use mimiq_contract::{
    DropReason, EntryKey,
    relay::{Direction, HEADER_LEN, RelayHeader},
    tables::*,
    wellknown::{CONTROL_PORT, GATEWAY, RELAY_PORT},
};

use crate::{frames::*, switch::*};

#[test]
fn wraps_the_whole_frame() {
    let mut switch = Switch::new();
    let frame = udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, b"hello");
    let out = switch.forwards(CLIENT, &frame, FABRIC);
    assert_eq!(macs(&out), (NEXT_SWITCH_MAC, FABRIC_MAC));
    let (ip, rest) = ipv6(&out);
    assert_eq!((ip.source, ip.destination), (SWITCH.octets(), CONTROLLER.octets()));
    assert_eq!((ip.hop_limit, ip.next_header), (64, IpNumber::UDP));
    assert_eq!(usize::from(ip.payload_length), rest.len());
    let (udp, rest) = UdpHeader::from_slice(rest).unwrap();
    assert_eq!((udp.source_port, udp.destination_port, udp.checksum), (RELAY_PORT, RELAY_PORT, 0));
    assert_eq!(udp.length, ip.payload_length);
    let header = RelayHeader::parse(rest).unwrap();
    assert_eq!(header, RelayHeader { direction: Direction::FromClient, sid: SID, port: CLIENT });
    assert_eq!(rest[HEADER_LEN..], frame[..]);
}

#[test]
fn carries_along_what_follows_the_packet() {
    let mut switch = Switch::new();
    let frame = udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, b"hello");
    let plain = switch.forwards(CLIENT, &frame, FABRIC);
    // Behind the outer packet, whose lengths do not change.
    let padded = switch.forwards(CLIENT, &[&frame[..], &[0xaa; 7]].concat(), FABRIC);
    assert_eq!(padded, [&plain[..], &[0xaa; 7]].concat());
}

#[test]
fn needs_seventy_bytes_in_front() {
    let mut switch = Switch::new();
    let frame = udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, b"hello");
    assert_eq!(switch.run_in(CLIENT, &frame, 70, 0).0, mimiq_pipeline::Verdict::Send(FABRIC));
    assert_eq!(switch.run_in(CLIENT, &frame, 69, 0).0, mimiq_pipeline::Verdict::Drop(DropReason::PacketTooBig));
}

#[test]
fn needs_a_link_local_source() {
    let mut switch = Switch::new();
    let frame = udp6_with(CLIENT_V6, GATEWAY, 64, CONTROL_PORT, b"hello");
    switch.drops(CLIENT, &frame, DropReason::BadControl);
}

#[test]
fn drops_fragments() {
    let mut switch = Switch::new();
    let fragment = |offset, port: u16| {
        let header =
            Ipv6FragmentHeader::new(IpNumber::UDP, etherparse::IpFragOffset::try_new(offset).unwrap(), true, 7);
        let udp = UdpHeader { source_port: 1, destination_port: port, length: 100, checksum: 0 };
        let payload = [&header.to_bytes()[..], &udp.to_bytes()].concat();
        raw6(LINK_LOCAL, GATEWAY, IpNumber::IPV6_FRAGMENTATION_HEADER, &payload)
    };
    switch.drops(CLIENT, &fragment(0, CONTROL_PORT), DropReason::BadControl);
    // Where no port can be seen, or another one is, the source guard decides.
    switch.drops(CLIENT, &fragment(1, CONTROL_PORT), DropReason::SourceGuard);
    switch.drops(CLIENT, &fragment(0, 53), DropReason::SourceGuard);
}

#[test]
fn is_the_exact_address_and_port_at_client_ports_only() {
    let mut switch = Switch::new();
    switch.drops(CLIENT, &udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT + 1, b"x"), DropReason::SourceGuard);
    switch.drops(CLIENT, &udp6_with(LINK_LOCAL, SERVER_V6, 64, CONTROL_PORT, b"x"), DropReason::SourceGuard);
    let control = udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, b"x");
    switch.drops(FABRIC, &control, DropReason::NotForwardable);
    switch.drops(UPSTREAM, &control, DropReason::NotForwardable);
}

#[test]
fn is_dropped_where_it_cannot_be_carried() {
    let mut switch = Switch::new();
    // 14 + 40 + 8 of headers inside, 40 + 8 + 8 outside.
    let largest = usize::from(FABRIC_MTU) - 56 - 62;
    let frame = |len| udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, &vec![0; len]);
    assert_eq!(switch.forwards(CLIENT, &frame(largest), FABRIC).len(), 14 + usize::from(FABRIC_MTU));
    switch.drops(CLIENT, &frame(largest + 1), DropReason::PacketTooBig);
    let padded = [&frame(largest)[..], &[0; 9]].concat();
    assert_eq!(switch.forwards(CLIENT, &padded, FABRIC).len(), 14 + usize::from(FABRIC_MTU) + 9);
    switch.delete(EntryKey::RouteV6(RouteV6Key { dst_addr: prefix(SWITCH, 16) }));
    switch.drops(CLIENT, &frame(10), DropReason::NoRoute);
}
