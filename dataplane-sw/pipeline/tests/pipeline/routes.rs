//! Line 11: routes, and what is carried along unseen.

use std::net::Ipv4Addr;

use etherparse::{IpNumber, Ipv6FragmentHeader};
use mimiq_contract::{DropReason, Entry, EntryKey, MacAddr, tables::*};

use crate::{frames::*, switch::*};

#[test]
fn by_the_longest_prefix() {
    let mut switch = Switch::new();
    let out = switch.forwards(CLIENT, &udp6(CLIENT_V6, SERVER_V6, b"x"), UPSTREAM);
    assert_eq!(macs(&out), (ROUTER_MAC, UPSTREAM_MAC));
    let out = switch.forwards(CLIENT, &udp6(CLIENT_V6, INSIDE_V6, b"x"), FABRIC);
    assert_eq!(macs(&out), (NEXT_SWITCH_MAC, FABRIC_MAC));
    let out = switch.forwards(CLIENT, &udp4(CLIENT_V4, INSIDE_V4, b"x"), FABRIC);
    assert_eq!(macs(&out), (NEXT_SWITCH_MAC, FABRIC_MAC));
    let host = RouteV6Action::Forward { port: OTHER_CLIENT, src_mac: SWITCH_MAC, dst_mac: ROUTER_MAC };
    switch.writer.insert(Entry::RouteV6(RouteV6Key { dst_addr: prefix(INSIDE_V6, 128) }, host)).unwrap();
    switch.writer.publish();
    switch.forwards(CLIENT, &udp6(CLIENT_V6, INSIDE_V6, b"x"), OTHER_CLIENT);
}

#[test]
fn of_the_same_length_come_and_go() {
    let mut switch = Switch::new();
    let key = |n: u8| RouteV4Key { dst_addr: prefix(Ipv4Addr::new(192, 88, 99, n), 32) };
    let sent = |n: u8| udp4(CLIENT_V4, Ipv4Addr::new(192, 88, 99, n), b"x");
    for n in 0..4 {
        let dst_mac = MacAddr([2, 0, 0, 0, 0, n]);
        let action = RouteV4Action::Forward { port: UPSTREAM, src_mac: UPSTREAM_MAC, dst_mac };
        switch.writer.insert(Entry::RouteV4(key(n), action)).unwrap();
    }
    switch.writer.publish();
    for gone in 0..4 {
        for n in gone..4 {
            let out = switch.forwards(CLIENT, &sent(n), UPSTREAM);
            assert_eq!(macs(&out), (MacAddr([2, 0, 0, 0, 0, n]), UPSTREAM_MAC));
        }
        switch.writer.delete(EntryKey::RouteV4(key(gone))).unwrap();
        switch.writer.publish();
        switch.drops(CLIENT, &sent(gone), DropReason::NoRoute);
    }
}

#[test]
fn a_default_route_takes_the_rest() {
    let mut switch = Switch::new();
    switch.drops(CLIENT, &udp6(CLIENT_V6, NOWHERE_V6, b"x"), DropReason::NoRoute);
    switch.drops(CLIENT, &udp4(CLIENT_V4, NOWHERE_V4, b"x"), DropReason::NoRoute);
    let next_hop = RouteV6Action::Forward { port: UPSTREAM, src_mac: UPSTREAM_MAC, dst_mac: ROUTER_MAC };
    switch.writer.insert(Entry::RouteV6(RouteV6Key { dst_addr: prefix(NOWHERE_V6, 0) }, next_hop)).unwrap();
    let next_hop = RouteV4Action::Forward { port: UPSTREAM, src_mac: UPSTREAM_MAC, dst_mac: ROUTER_MAC };
    switch.writer.insert(Entry::RouteV4(RouteV4Key { dst_addr: prefix(NOWHERE_V4, 0) }, next_hop)).unwrap();
    switch.writer.publish();
    switch.forwards(CLIENT, &udp6(CLIENT_V6, NOWHERE_V6, b"x"), UPSTREAM);
    switch.forwards(CLIENT, &udp4(CLIENT_V4, NOWHERE_V4, b"x"), UPSTREAM);
}

#[test]
fn fragments_and_extension_headers_are_forwarded() {
    let mut switch = Switch::new();
    let fragment = Ipv6FragmentHeader::new(IpNumber::UDP, etherparse::IpFragOffset::try_new(100).unwrap(), true, 7);
    let payload = [&fragment.to_bytes()[..], b"some bytes"].concat();
    for (next_header, payload) in [
        (IpNumber::IPV6_FRAGMENTATION_HEADER, &payload[..]),
        (IpNumber::IPV6_DESTINATION_OPTIONS, &[17, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (IpNumber::IPV6_HEADER_HOP_BY_HOP, &[59, 0, 1, 4, 0, 0, 0, 0]),
        (IpNumber::IPV6_NO_NEXT_HEADER, &[]),
        (IpNumber::IPV6_ICMP, &[]),
        (IpNumber::UDP, &[1, 2, 3]),
        (IpNumber::TCP, &[]),
        (IpNumber::IPV6, &[0x60, 0, 0]),
    ] {
        let sent = raw6(CLIENT_V6, SERVER_V6, next_header, payload);
        let out = switch.forwards(CLIENT, &sent, UPSTREAM);
        assert_eq!(out[22..], sent[22..], "{next_header:?}");
    }
    let mut sent = udp4(CLIENT_V4, SERVER_V4, b"a later fragment");
    sent[14 + 6..14 + 8].copy_from_slice(&[0x20, 100]);
    let (mut header, _) = etherparse::Ipv4Header::from_slice(&sent[14..]).unwrap();
    header.header_checksum = header.calc_header_checksum();
    sent[14..34].copy_from_slice(&header.to_bytes());
    switch.forwards(CLIENT, &sent, UPSTREAM);
}
