//! Line 10: aliases, bindings and tunnels.

use etherparse::IpNumber;
use mimiq_contract::{DropReason, EntryKey, tables::*};

use crate::{frames::*, switch::*};

/// Checks the tunnel's header and returns the inner packet.
fn strip(out: &[u8], next_header: IpNumber) -> &[u8] {
    assert_eq!(macs(out), (NEXT_SWITCH_MAC, FABRIC_MAC));
    let (outer, inner) = ipv6(out);
    assert_eq!((outer.source, outer.destination), (SWITCH.octets(), EDGE.octets()));
    assert_eq!((outer.hop_limit, outer.next_header), (64, next_header));
    assert_eq!(usize::from(outer.payload_length), inner.len());
    inner
}

#[test]
fn tunnels_by_alias_and_by_binding() {
    let mut switch = Switch::new();
    for dst in [FAR_ALIAS, FAR_BINDING] {
        let sent = udp6(SERVER_V6, dst, b"hello");
        let out = switch.forwards(UPSTREAM, &sent, FABRIC);
        let inner = strip(&out, IpNumber::IPV6);
        assert_eq!(inner[7], 63);
        assert_eq!((&inner[..7], &inner[8..]), (&sent[14..21], &sent[22..]));
    }
    let sent = udp4(SERVER_V4, FAR_V4, b"hello");
    let out = switch.forwards(UPSTREAM, &sent, FABRIC);
    let inner = strip(&out, IpNumber::IPV4);
    assert_eq!(inner[20..], sent[34..]);
    assert_eq!(ipv4(&ethernet(0x0800, inner)).0.time_to_live, 63);
}

#[test]
fn tunnels_what_clients_send_to_clients() {
    let mut switch = Switch::new();
    strip(&switch.forwards(CLIENT, &udp6(CLIENT_V6, FAR_ALIAS, b"x"), FABRIC), IpNumber::IPV6);
    strip(&switch.forwards(FABRIC, &udp6(INSIDE_V6, FAR_ALIAS, b"x"), FABRIC), IpNumber::IPV6);
}

#[test]
fn copies_traffic_class_and_flow_label() {
    let mut switch = Switch::new();
    let mut sent = udp6(SERVER_V6, FAR_ALIAS, b"hello");
    sent[14..18].copy_from_slice(&0x6b8a_bcde_u32.to_be_bytes());
    let out = switch.forwards(UPSTREAM, &sent, FABRIC);
    assert_eq!(out[14..18], sent[14..18]);
    assert_eq!(out[54..58], sent[14..18]);
    let out = switch.forwards(UPSTREAM, &udp4(SERVER_V4, FAR_V4, b"x"), FABRIC);
    assert_eq!(out[14..18], [0x60, 0, 0, 0]);
}

#[test]
fn carries_padding_behind_the_tunnelled_packet() {
    let mut switch = Switch::new();
    let mut sent = udp4(SERVER_V4, FAR_V4, b"");
    sent.extend([0xaa; 18]);
    let out = switch.forwards(UPSTREAM, &sent, FABRIC);
    let (outer, rest) = ipv6(&out);
    assert_eq!((outer.payload_length, rest.len()), (28, 28 + 18));
    assert_eq!(rest[28..], [0xaa; 18]);
}

#[test]
fn drops_what_no_switch_has() {
    let mut switch = Switch::new();
    for port in [UPSTREAM, FABRIC] {
        switch.drops(port, &udp6(SERVER_V6, FREE_ALIAS, b"x"), DropReason::AliasMiss);
        switch.drops(port, &udp6(SERVER_V6, FREE_BINDING, b"x"), DropReason::BindingMiss);
        switch.drops(port, &udp4(SERVER_V4, FREE_V4, b"x"), DropReason::BindingMiss);
    }
}

#[test]
fn drops_without_a_route_to_the_switch() {
    let mut switch = Switch::new();
    switch.delete(EntryKey::RouteV6(RouteV6Key { dst_addr: prefix(SWITCH, 16) }));
    switch.drops(UPSTREAM, &udp6(SERVER_V6, FAR_ALIAS, b"x"), DropReason::NoRoute);
}

#[test]
fn needs_forty_bytes_in_front() {
    let mut switch = Switch::new();
    let sent = udp6(SERVER_V6, FAR_ALIAS, b"x");
    assert_eq!(switch.run_in(UPSTREAM, &sent, 40, 0).0, mimiq_pipeline::Verdict::Send(FABRIC));
    assert_eq!(switch.run_in(UPSTREAM, &sent, 39, 0).0, mimiq_pipeline::Verdict::Drop(DropReason::PacketTooBig));
}
