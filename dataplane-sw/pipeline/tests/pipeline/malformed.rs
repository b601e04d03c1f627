//! Frames cut off anywhere are dropped for a reason that fits, and nothing is read behind their end.

use mimiq_contract::{
    DropReason, PortId,
    relay::{Direction, RelayHeader},
    wellknown::{CONTROL_PORT, GATEWAY, RELAY_PORT},
};
use mimiq_pipeline::{Packet, Verdict};

use crate::{frames::*, switch::*};

/// One frame for every way through the pipeline.
pub(crate) fn corpus() -> Vec<(PortId, Vec<u8>)> {
    let relay = RelayHeader { direction: Direction::ToClient, sid: SID, port: CLIENT }.emit();
    let mut solicitation = vec![135, 0, 0, 0, 0, 0, 0, 0];
    solicitation.extend(GATEWAY.octets());
    vec![
        (CLIENT, udp6(CLIENT_V6, SERVER_V6, &[1; 60])),
        (CLIENT, udp4(CLIENT_V4, SERVER_V4, &[1; 60])),
        (CLIENT, udp6_with(CLIENT_V6, SERVER_V6, 1, 5000, &[1; 60])),
        (CLIENT, udp4_with(CLIENT_V4, SERVER_V4, 1, &[1; 60])),
        (CLIENT, udp6_with(LINK_LOCAL, GATEWAY, 64, CONTROL_PORT, &[1; 60])),
        (CLIENT, raw6(LINK_LOCAL, GATEWAY, etherparse::IpNumber::IPV6_ICMP, &solicitation)),
        (CLIENT, ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4, 0, 1][..], &[9; 16], &GATEWAY_V4.octets()].concat())),
        (FABRIC, tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, CLIENT_V6, &[1; 60]))),
        (FABRIC, tunnelled(EDGE, SWITCH, &udp4(SERVER_V4, CLIENT_V4, &[1; 60]))),
        (FABRIC, tunnelled(EDGE, SWITCH, &udp6_with(SERVER_V6, CLIENT_V6, 1, 5000, &[1; 60]))),
        (FABRIC, udp6_with(CONTROLLER, SWITCH, 64, RELAY_PORT, &[&relay[..], &[1; 60]].concat())),
        (UPSTREAM, udp6(SERVER_V6, FAR_ALIAS, &[1; 60])),
        (UPSTREAM, udp6(SERVER_V6, FAR_BINDING, &[1; 60])),
        (UPSTREAM, udp4(SERVER_V4, FAR_V4, &[1; 60])),
        (UPSTREAM, udp6(SERVER_V6, FAR_ALIAS, &[1; 1480])),
        (UPSTREAM, udp6(SERVER_V6, CLIENT_V6, &[1; 60])),
    ]
}

#[test]
fn every_cut_is_a_truncation() {
    let mut switch = Switch::new();
    for (port, frame) in corpus() {
        for len in 0..frame.len() {
            let expected = match (len, frame[12..14] == [0x08, 0x06]) {
                (0..14, _) => DropReason::TruncatedEthernet,
                (_, true) => DropReason::MalformedArp,
                _ => DropReason::TruncatedIp,
            };
            // Nothing in front or behind, so that reading on would be noticed.
            assert_eq!(switch.run_in(port, &frame[..len], 0, 0).0, Verdict::Drop(expected), "{len} bytes");
        }
    }
}

#[test]
fn every_length_of_zeros_and_ones() {
    let mut switch = Switch::new();
    for port in [CLIENT, FABRIC, UPSTREAM, UNUSED] {
        for len in 0..130 {
            for byte in [0, 0xff] {
                let verdict = switch.run_in(port, &vec![byte; len], 0, 0).0;
                assert!(matches!(verdict, Verdict::Drop(_)), "{len} times {byte}");
            }
        }
    }
}

#[test]
fn a_frame_outside_its_buffer_is_dropped() {
    let mut switch = Switch::new();
    let mut verdicts = Vec::new();
    for (start, len) in [(0, 65), (65, 0), (60, 10), (usize::MAX, 1), (1, usize::MAX)] {
        let mut buf = [0; 64];
        let mut packets = [Packet { buf: &mut buf, start, len, port: CLIENT }];
        switch.pipeline.process(&switch.reader.enter(), 0, &mut packets, &mut verdicts);
        assert_eq!(verdicts, [Verdict::Drop(DropReason::TruncatedEthernet)], "{len} bytes at {start}");
    }
}
