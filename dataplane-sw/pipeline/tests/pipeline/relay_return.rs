//! Line 5: frames from the controller are unwrapped.

use etherparse::{IpNumber, UdpHeader};
use mimiq_contract::{
    DropReason, Entry, EntryKey, PortId,
    relay::{Direction, RelayHeader},
    tables::*,
    wellknown::RELAY_PORT,
};
use mimiq_pipeline::Verdict;

use crate::{frames::*, switch::*};

fn wrapped(header: &[u8], frame: &[u8]) -> Vec<u8> {
    let payload = [header, frame].concat();
    udp6_with(CONTROLLER, SWITCH, 60, RELAY_PORT, &payload)
}

fn header(direction: Direction, port: PortId) -> [u8; 8] {
    RelayHeader { direction, sid: SID, port }.emit()
}

#[test]
fn unwraps_at_the_port_of_the_header() {
    let mut switch = Switch::new();
    let frame = udp6(LINK_LOCAL, LINK_LOCAL, b"reply");
    let sent = wrapped(&header(Direction::ToClient, OTHER_CLIENT), &frame);
    assert_eq!(switch.forwards(FABRIC, &sent, OTHER_CLIENT), frame);
}

#[test]
fn strips_the_outer_headers_and_nothing_else() {
    let mut switch = Switch::new();
    let frame = udp6(LINK_LOCAL, LINK_LOCAL, b"reply");
    let mut sent = wrapped(&header(Direction::ToClient, OTHER_CLIENT), &frame);
    // The last bytes of the packet are behind the datagram, and others behind the packet.
    let udp_len_at = 14 + 40 + 4;
    let shorter = u16::from_be_bytes([sent[udp_len_at], sent[udp_len_at + 1]]) - 3;
    sent[udp_len_at..][..2].copy_from_slice(&shorter.to_be_bytes());
    sent.extend([0xaa; 5]);
    assert_eq!(switch.forwards(FABRIC, &sent, OTHER_CLIENT), [&frame[..], &[0xaa; 5]].concat());
}

#[test]
fn needs_the_port_of_the_relay_whatever_the_entry_says() {
    let mut switch = Switch::new();
    let key = RelayReturnKey { src_addr: CONTROLLER, dst_addr: SWITCH, udp_dst_port: RELAY_PORT + 1 };
    switch.writer.insert(Entry::RelayReturn(key, RelayReturnAction::RelayToClient {})).unwrap();
    switch.writer.publish();
    let payload = [&header(Direction::ToClient, CLIENT)[..], &[7; 60]].concat();
    let sent = udp6_with(CONTROLLER, SWITCH, 60, RELAY_PORT + 1, &payload);
    switch.drops(FABRIC, &sent, DropReason::MalformedRelay);
    assert_eq!(switch.hits(EntryKey::RelayReturn(key)).0, 1, "the entry was hit");
}

#[test]
fn asks_for_the_role_of_the_port_if_all_else_is_right() {
    let mut switch = Switch::new();
    let good = header(Direction::ToClient, CLIENT);
    switch.forwards(FABRIC, &wrapped(&good, &[7; 60]), CLIENT);
    assert_eq!(switch.egress_hits(CLIENT), 1);
    let mut version = good;
    version[0] = 2;
    for bad in [version, header(Direction::FromClient, CLIENT)] {
        switch.drops(FABRIC, &wrapped(&bad, &[7; 60]), DropReason::MalformedRelay);
    }
    switch.drops(FABRIC, &wrapped(&good, &[7; 13]), DropReason::MalformedRelay);
    assert_eq!(switch.egress_hits(CLIENT), 1);
    switch.drops(FABRIC, &wrapped(&header(Direction::ToClient, FABRIC), &[7; 60]), DropReason::MalformedRelay);
    assert_eq!(switch.egress_hits(FABRIC), 1, "counted though the frame is dropped");
    // The role for packets that enter does not matter.
    switch.delete(EntryKey::PortRole(PortRoleKey { port: CLIENT }));
    switch.forwards(FABRIC, &wrapped(&good, &[7; 60]), CLIENT);
    switch.delete(EntryKey::EgressRole(EgressRoleKey { port: CLIENT }));
    switch.drops(FABRIC, &wrapped(&good, &[7; 60]), DropReason::MalformedRelay);
}

#[test]
fn accepts_frames_from_an_ethernet_header_on() {
    let mut switch = Switch::new();
    let to_client = header(Direction::ToClient, CLIENT);
    assert_eq!(switch.forwards(FABRIC, &wrapped(&to_client, &[7; 14]), CLIENT), [7; 14]);
    (0..14).for_each(|len| switch.drops(FABRIC, &wrapped(&to_client, &vec![7; len]), DropReason::MalformedRelay));
}

#[test]
fn drops_malformed_relay_headers() {
    let mut switch = Switch::new();
    let frame = [7; 60];
    let good = header(Direction::ToClient, CLIENT);
    (0..8).for_each(|len| switch.drops(FABRIC, &wrapped(&good[..len], &[]), DropReason::MalformedRelay));
    for version in [0, 2, 255] {
        let mut bad = good;
        bad[0] = version;
        switch.drops(FABRIC, &wrapped(&bad, &frame), DropReason::MalformedRelay);
    }
    let mut bad = good;
    bad[1] = 3;
    switch.drops(FABRIC, &wrapped(&bad, &frame), DropReason::MalformedRelay);
    switch.drops(FABRIC, &wrapped(&header(Direction::FromClient, CLIENT), &frame), DropReason::MalformedRelay);
    for port in [FABRIC, UPSTREAM, UNUSED, PortId(512), PortId(u16::MAX)] {
        switch.drops(FABRIC, &wrapped(&header(Direction::ToClient, port), &frame), DropReason::MalformedRelay);
    }
}

#[test]
fn drops_udp_lengths_that_do_not_fit() {
    let mut switch = Switch::new();
    let good = wrapped(&header(Direction::ToClient, CLIENT), &[7; 60]);
    for len in [0u16, 7, 8 + 8 + 13, 8 + 8 + 61, u16::MAX] {
        let mut bad = good.clone();
        bad[14 + 40 + 4..][..2].copy_from_slice(&len.to_be_bytes());
        switch.drops(FABRIC, &bad, DropReason::MalformedRelay);
    }
}

#[test]
fn needs_the_controller_as_source_and_a_fabric_port() {
    let mut switch = Switch::new();
    let payload = [&header(Direction::ToClient, CLIENT)[..], &[7; 60]].concat();
    // From elsewhere it is an ordinary packet to the switch's address, which is routed.
    let forged = udp6_with(EDGE, SWITCH, 60, RELAY_PORT, &payload);
    switch.forwards(FABRIC, &forged, FABRIC);
    let good = wrapped(&header(Direction::ToClient, CLIENT), &[7; 60]);
    switch.drops(CLIENT, &good, DropReason::SourceGuard);
    switch.drops(UPSTREAM, &good, DropReason::DeniedSource);
    // Too short for a UDP header: not recognised, so routed.
    let truncated = raw6(CONTROLLER, SWITCH, IpNumber::UDP, &[0; 7]);
    assert_eq!(switch.run(FABRIC, &truncated).0, Verdict::Send(FABRIC));
    let other_port = UdpHeader { source_port: 1, destination_port: RELAY_PORT + 1, length: 8, checksum: 0 };
    switch.forwards(FABRIC, &raw6(CONTROLLER, SWITCH, IpNumber::UDP, &other_port.to_bytes()), FABRIC);
}
