//! Line 8: the hop limit.

use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type};
use mimiq_contract::DropReason;

use crate::{frames::*, switch::*};

#[test]
fn of_two_and_more_is_decremented() {
    let mut switch = Switch::new();
    for hop_limit in [2, 3, 255] {
        let out = switch.forwards(CLIENT, &udp6_with(CLIENT_V6, SERVER_V6, hop_limit, 5000, b"x"), UPSTREAM);
        assert_eq!(ipv6(&out).0.hop_limit, hop_limit - 1);
        let out = switch.forwards(CLIENT, &udp4_with(CLIENT_V4, SERVER_V4, hop_limit, b"x"), UPSTREAM);
        assert_eq!(ipv4(&out).0.time_to_live, hop_limit - 1);
    }
}

#[test]
fn of_one_and_zero_runs_out() {
    let mut switch = Switch::new();
    for hop_limit in [0, 1] {
        let sent = udp6_with(CLIENT_V6, SERVER_V6, hop_limit, 5000, b"hello");
        let out = switch.forwards(CLIENT, &sent, CLIENT);
        let (ip, icmp) = ipv6(&out);
        assert_eq!((ip.source, ip.destination), (ICMP_V6.octets(), CLIENT_V6.octets()));
        let icmp = Icmpv6Slice::from_slice(icmp).unwrap();
        assert!(icmp.is_checksum_valid(ip.source, ip.destination));
        assert!(matches!(icmp.icmp_type(), Icmpv6Type::TimeExceeded(_)));
        assert_eq!(icmp.payload(), &sent[14..14 + 48]);

        let sent = udp4_with(CLIENT_V4, SERVER_V4, hop_limit, b"hello");
        let out = switch.forwards(CLIENT, &sent, CLIENT);
        let (ip, icmp) = ipv4(&out);
        assert_eq!((ip.source, ip.destination), (ICMP_V4.octets(), CLIENT_V4.octets()));
        assert_eq!(etherparse::checksum::Sum16BitWords::new().add_slice(icmp).ones_complement(), 0);
        let icmp = Icmpv4Slice::from_slice(icmp).unwrap();
        assert!(matches!(icmp.icmp_type(), Icmpv4Type::TimeExceeded(_)));
        assert_eq!(icmp.payload(), &sent[14..14 + 28]);
    }
    assert_eq!(switch.drops.get(DropReason::HopLimit).0, 4, "the packets behind the errors count as dropped");
}

#[test]
fn runs_out_behind_a_tunnel_too() {
    let mut switch = Switch::new();
    let inner = udp6_with(SERVER_V6, CLIENT_V6, 1, 5000, b"hello");
    let sent = tunnelled(EDGE, SWITCH, &inner);
    let out = switch.forwards(FABRIC, &sent, FABRIC);
    assert_eq!(macs(&out), (CLIENT_MAC, TO_MAC), "the MACs of the frame, swapped");
    assert_eq!(ipv6(&out).0.destination, SERVER_V6.octets());
    assert_eq!(ipv6(&out).1[8..], inner[14..14 + 48]);
}
