//! Line 5: tunnels end at a fabric port.

use mimiq_contract::{DropReason, EntryKey, tables::*};

use crate::{frames::*, switch::*};

#[test]
fn strips_the_outer_header_and_delivers() {
    let mut switch = Switch::new();
    let inner = udp6(SERVER_V6, CLIENT_V6, b"reply");
    let out = switch.forwards(FABRIC, &tunnelled(EDGE, SWITCH, &inner), CLIENT);
    assert_eq!(macs(&out), (CLIENT_MAC, SWITCH_MAC));
    assert_eq!(ipv6(&out).0.hop_limit, 63);
    assert_eq!(out[22..], inner[22..]);

    let inner = udp4(SERVER_V4, CLIENT_V4, b"reply");
    let out = switch.forwards(FABRIC, &tunnelled(EDGE, SWITCH, &inner), CLIENT);
    assert_eq!(macs(&out), (CLIENT_MAC, SWITCH_MAC));
    assert_eq!(ipv4(&out).0.time_to_live, 63);
    assert_eq!(out[26..], inner[26..]);
}

#[test]
fn drops_packets_for_no_client() {
    let mut switch = Switch::new();
    for inner in [udp6(SERVER_V6, FAR_ALIAS, b"x"), udp6(SERVER_V6, INSIDE_V6, b"x"), udp4(SERVER_V4, FAR_V4, b"x")] {
        switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &inner), DropReason::ClientMiss);
    }
}

#[test]
fn whether_there_is_a_client_comes_after_what_holds_for_any_packet() {
    let mut switch = Switch::new();
    let multicast = udp6(SERVER_V6, "ff0e::1".parse().unwrap(), b"x");
    switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &multicast), DropReason::NotForwardable);
    // Time Exceeded, back into the fabric.
    let expired = udp6_with(SERVER_V6, FAR_ALIAS, 1, 5000, b"hello");
    let out = switch.forwards(FABRIC, &tunnelled(EDGE, SWITCH, &expired), FABRIC);
    assert_eq!(ipv6(&out).0.destination, SERVER_V6.octets());
    assert_eq!((switch.drops.get(DropReason::HopLimit).0, switch.drops.get(DropReason::ClientMiss).0), (1, 0));
}

#[test]
fn carries_along_what_follows_the_packets() {
    let mut switch = Switch::new();
    let inner = udp4(SERVER_V4, CLIENT_V4, b"");
    // Behind the inner packet within the outer one, and behind both.
    let sent = [tunnelled(EDGE, SWITCH, &[&inner[..], &[0xaa; 3]].concat()), vec![0xbb; 5]].concat();
    let out = switch.forwards(FABRIC, &sent, CLIENT);
    assert_eq!(out[34..], [&inner[34..], &[0xaa; 3], &[0xbb; 5]].concat());
}

#[test]
fn drops_malformed_inner_packets() {
    let mut switch = Switch::new();
    for inner in [udp6(SERVER_V6, CLIENT_V6, b"reply"), udp4(SERVER_V4, CLIENT_V4, b"reply")] {
        (14..inner.len()).for_each(|len| {
            switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &inner[..len]), DropReason::MalformedTunnel);
        });
        let mut other_version = inner.clone();
        other_version[14] ^= 0x20;
        switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &other_version), DropReason::MalformedTunnel);
    }
    let mut options = udp4(SERVER_V4, CLIENT_V4, b"reply");
    options[14] = 0x46;
    switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &options), DropReason::MalformedTunnel);
}

#[test]
fn an_inner_packet_is_not_longer_than_the_outer_says() {
    let mut switch = Switch::new();
    let mut frame = tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, CLIENT_V6, b"reply"));
    frame[14 + 5] -= 1;
    switch.drops(FABRIC, &frame, DropReason::MalformedTunnel);
}

#[test]
fn the_source_is_part_of_the_key() {
    let mut switch = Switch::new();
    // From no known switch the packet is an ordinary one to the switch's address, and is routed.
    let frame = tunnelled(INSIDE_V6, SWITCH, &udp6(SERVER_V6, CLIENT_V6, b"forged"));
    let out = switch.forwards(FABRIC, &frame, FABRIC);
    assert_eq!(ipv6(&out).0.source, INSIDE_V6.octets());
    switch.delete(EntryKey::Decap(DecapKey { outer_src: EDGE, outer_dst: SWITCH }));
    let frame = tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, CLIENT_V6, b"x"));
    switch.forwards(FABRIC, &frame, FABRIC);
}

#[test]
fn tunnels_do_not_end_at_other_ports() {
    let mut switch = Switch::new();
    let frame = tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, CLIENT_V6, b"forged"));
    switch.drops(UPSTREAM, &frame, DropReason::DeniedSource);
    switch.drops(CLIENT, &frame, DropReason::SourceGuard);
}

#[test]
fn only_one_tunnel_is_stripped() {
    let mut switch = Switch::new();
    let inner = tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, CLIENT_V6, b"x"));
    switch.drops(FABRIC, &tunnelled(EDGE, SWITCH, &inner), DropReason::ClientMiss);
}
