//! A packet whose source is not bound to its port and MAC never leaves.

use std::net::Ipv4Addr;

use mimiq_contract::{DropReason, EntryKey, MacAddr, tables::*};

use crate::{frames::*, switch::*};

#[test]
fn permits_the_leased_source() {
    let mut switch = Switch::new();
    switch.forwards(CLIENT, &udp6(CLIENT_V6, SERVER_V6, b"x"), UPSTREAM);
    switch.forwards(CLIENT, &udp4(CLIENT_V4, SERVER_V4, b"x"), UPSTREAM);
}

#[test]
fn refuses_another_source_mac_or_port() {
    let mut switch = Switch::new();
    let (own6, own4) = (udp6(CLIENT_V6, SERVER_V6, b"x"), udp4(CLIENT_V4, SERVER_V4, b"x"));
    for own in [&own6, &own4] {
        let mut other_mac = own.clone();
        other_mac[11] ^= 1;
        switch.drops(CLIENT, &other_mac, DropReason::SourceGuard);
        switch.drops(OTHER_CLIENT, own, DropReason::SourceGuard);
    }
    switch.drops(CLIENT, &udp6(FAR_ALIAS, SERVER_V6, b"x"), DropReason::SourceGuard);
    switch.drops(CLIENT, &udp6(LINK_LOCAL, SERVER_V6, b"x"), DropReason::SourceGuard);
    switch.drops(CLIENT, &udp4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, b"dhcp"), DropReason::SourceGuard);
    switch.drops(CLIENT, &udp4(FAR_V4, SERVER_V4, b"x"), DropReason::SourceGuard);
}

#[test]
fn ends_with_the_lease() {
    let mut switch = Switch::new();
    let frame = udp6(CLIENT_V6, SERVER_V6, b"x");
    switch.forwards(CLIENT, &frame, UPSTREAM);
    let key = SourceGuardV6Key { port: CLIENT, src_mac: CLIENT_MAC, src_addr: CLIENT_V6 };
    switch.delete(EntryKey::SourceGuardV6(key));
    switch.drops(CLIENT, &frame, DropReason::SourceGuard);
}

#[test]
fn does_not_guard_fabric_and_upstream() {
    let mut switch = Switch::new();
    switch.forwards(FABRIC, &udp6(FAR_ALIAS, SERVER_V6, b"x"), UPSTREAM);
    switch.forwards(UPSTREAM, &udp6(SERVER_V6, INSIDE_V6, b"x"), FABRIC);
}

#[test]
fn a_client_cannot_tunnel_a_forged_source() {
    let mut switch = Switch::new();
    let forged = udp6(FAR_ALIAS, CLIENT_V6, b"x");
    // With another switch's source it is spoofed; with its own it is an ordinary packet, which is not decapsulated.
    switch.drops(CLIENT, &tunnelled(EDGE, SWITCH, &forged), DropReason::SourceGuard);
    let sent = tunnelled(CLIENT_V6, SWITCH, &forged);
    let out = switch.forwards(CLIENT, &sent, FABRIC);
    assert_eq!(ipv6(&out).0.source, CLIENT_V6.octets());
    assert_eq!(out.len(), sent.len());
}

#[test]
fn refuses_group_and_zero_source_macs_at_every_port() {
    let mut switch = Switch::new();
    for mac in [MacAddr::default(), MacAddr([1, 0, 0, 0, 0, 1]), MacAddr([0xff; 6])] {
        for port in [CLIENT, FABRIC, UPSTREAM] {
            let mut frame = udp6(CLIENT_V6, SERVER_V6, b"x");
            frame[6..12].copy_from_slice(&mac.0);
            switch.drops(port, &frame, DropReason::BadSourceMac);
        }
    }
}
