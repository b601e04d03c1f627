//! Lines 10 and 11: packets larger than the fabric carries.

use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, icmpv4::DestUnreachableHeader};
use mimiq_contract::{
    DropReason, EntryKey,
    tables::*,
    wellknown::{CONTROL_PORT, GATEWAY},
};
use mimiq_pipeline::Verdict;

use crate::{frames::*, switch::*};

const MTU: usize = FABRIC_MTU as usize;

/// The MTU in an ICMPv6 error.
fn too_big_v6(out: &[u8]) -> u32 {
    let (ip, icmp) = ipv6(out);
    assert_eq!(ip.source, ICMP_V6.octets());
    let icmp = Icmpv6Slice::from_slice(icmp).unwrap();
    assert!(icmp.is_checksum_valid(ip.source, ip.destination));
    let Icmpv6Type::PacketTooBig { mtu } = icmp.icmp_type() else { panic!("{:?}", icmp.icmp_type()) };
    mtu
}

/// The MTU in an ICMPv4 error.
fn too_big_v4(out: &[u8]) -> u16 {
    let (ip, icmp) = ipv4(out);
    assert_eq!(ip.source, ICMP_V4.octets());
    assert_eq!(etherparse::checksum::Sum16BitWords::new().add_slice(icmp).ones_complement(), 0);
    match Icmpv4Slice::from_slice(icmp).unwrap().icmp_type() {
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::FragmentationNeeded { next_hop_mtu }) => next_hop_mtu,
        other => panic!("{other:?}"),
    }
}

/// UDP in an IPv6 packet of `len` bytes.
fn v6(dst: std::net::Ipv6Addr, len: usize) -> Vec<u8> {
    udp6(SERVER_V6, dst, &vec![7; len - 48])
}

/// UDP in an IPv4 packet of `len` bytes that may, or may not, be fragmented.
fn v4(dst: std::net::Ipv4Addr, len: usize, dont_fragment: bool) -> Vec<u8> {
    let mut frame = udp4(SERVER_V4, dst, &vec![7; len - 28]);
    let (mut header, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
    header.dont_fragment = dont_fragment;
    header.header_checksum = header.calc_header_checksum();
    frame[14..34].copy_from_slice(&header.to_bytes());
    frame
}

#[test]
fn a_tunnel_takes_forty_bytes_of_it() {
    let mut switch = Switch::new();
    for dst in [FAR_ALIAS, FAR_BINDING] {
        assert_eq!(switch.forwards(UPSTREAM, &v6(dst, MTU - 40), FABRIC).len(), 14 + MTU);
        assert_eq!(too_big_v6(&switch.forwards(UPSTREAM, &v6(dst, MTU - 39), UPSTREAM)), 1460);
    }
    assert_eq!(switch.forwards(UPSTREAM, &v4(FAR_V4, MTU - 40, true), FABRIC).len(), 14 + MTU);
    assert_eq!(too_big_v4(&switch.forwards(UPSTREAM, &v4(FAR_V4, MTU - 39, true), UPSTREAM)), 1460);
    assert_eq!(switch.drops.get(DropReason::PacketTooBig).0, 3);
}

#[test]
fn ipv4_that_may_be_fragmented_is_dropped() {
    let mut switch = Switch::new();
    switch.drops(UPSTREAM, &v4(FAR_V4, MTU - 39, false), DropReason::PacketTooBig);
    switch.drops(UPSTREAM, &v4(INSIDE_V4, MTU + 1, false), DropReason::PacketTooBig);
}

#[test]
fn plain_routes_have_all_of_it_in_the_fabric() {
    let mut switch = Switch::new();
    switch.forwards(UPSTREAM, &v6(INSIDE_V6, MTU), FABRIC);
    assert_eq!(too_big_v6(&switch.forwards(UPSTREAM, &v6(INSIDE_V6, MTU + 1), UPSTREAM)), 1500);
    switch.forwards(UPSTREAM, &v4(INSIDE_V4, MTU, true), FABRIC);
    assert_eq!(too_big_v4(&switch.forwards(UPSTREAM, &v4(INSIDE_V4, MTU + 1, true), UPSTREAM)), 1500);
}

#[test]
fn upstream_and_client_ports_are_not_the_fabric() {
    let mut switch = Switch::new();
    switch.forwards(FABRIC, &v6(SERVER_V6, MTU + 1), UPSTREAM);
    switch.forwards(UPSTREAM, &v6(CLIENT_V6, MTU + 1), CLIENT);
}

#[test]
fn the_fabric_is_where_egress_role_says_so() {
    let mut switch = Switch::new();
    let (fits, exceeds) = (v6(INSIDE_V6, MTU), v6(INSIDE_V6, MTU + 1));
    switch.forwards(UPSTREAM, &fits, FABRIC);
    switch.forwards(UPSTREAM, &exceeds, UPSTREAM);
    assert_eq!(switch.egress_hits(FABRIC), 2, "counted though the packet is dropped");
    switch.delete(EntryKey::PortRole(PortRoleKey { port: FABRIC }));
    switch.forwards(UPSTREAM, &exceeds, UPSTREAM);
    switch.delete(EntryKey::EgressRole(EgressRoleKey { port: FABRIC }));
    switch.forwards(UPSTREAM, &exceeds, FABRIC);
}

#[test]
fn only_plain_routes_ask_for_the_role() {
    let mut switch = Switch::new();
    switch.forwards(UPSTREAM, &v6(FAR_ALIAS, 100), FABRIC);
    switch.forwards(UPSTREAM, &v6(CLIENT_V6, 100), CLIENT);
    switch.forwards(FABRIC, &tunnelled(EDGE, SWITCH, &v6(CLIENT_V6, 100)), CLIENT);
    switch.forwards(CLIENT, &udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, b"hello"), FABRIC);
    assert_eq!([CLIENT, FABRIC, UPSTREAM].map(|port| switch.egress_hits(port)), [0; 3]);
    switch.forwards(FABRIC, &v6(SERVER_V6, 100), UPSTREAM);
    switch.forwards(FABRIC, &v4(SERVER_V4, 100, true), UPSTREAM);
    assert_eq!([CLIENT, FABRIC, UPSTREAM].map(|port| switch.egress_hits(port)), [0, 0, 2]);
}

#[test]
fn padding_does_not_count() {
    let mut switch = Switch::new();
    let mut frame = v6(FAR_ALIAS, MTU - 40);
    frame.extend([0; 20]);
    assert_eq!(switch.run(UPSTREAM, &frame).0, Verdict::Send(FABRIC));
}
