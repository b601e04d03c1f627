//! Line 3: neighbour discovery.

use std::net::Ipv6Addr;

use etherparse::{Icmpv6Slice, Icmpv6Type, IpNumber};
use mimiq_contract::{
    DropReason, MacAddr,
    wellknown::{GATEWAY, GATEWAY_MAC},
};

use crate::{frames::*, switch::*};

const SOURCE_LINK_LAYER: [u8; 8] = [1, 1, 2, 0, 0, 0, 1, 1];

fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xff02_u128 << 112 | 0x01_ff00_0000 | target.to_bits() & 0xff_ffff)
}

fn message(src: Ipv6Addr, dst: Ipv6Addr, kind: u8, body: &[u8]) -> Vec<u8> {
    let bytes: [u8; 4] = [0; 4];
    let header = Icmpv6Type::Unknown { type_u8: kind, code_u8: 0, bytes5to8: bytes };
    let header = etherparse::Icmpv6Header::with_checksum(header, src.octets(), dst.octets(), body).unwrap();
    let mut frame = raw6(src, dst, IpNumber::IPV6_ICMP, &[&header.to_bytes()[..], body].concat());
    frame[14 + 7] = 255;
    frame
}

fn solicitation(src: Ipv6Addr, target: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    message(src, solicited_node(target), 135, &[&target.octets()[..], options].concat())
}

/// Checks the advertisement against RFC 4861 §4.4; returns where it goes.
fn check(out: &[u8], src_mac: MacAddr, target: Ipv6Addr, flags: u8) -> (MacAddr, Ipv6Addr) {
    let (ip, icmp) = ipv6(out);
    assert_eq!((ip.source, ip.hop_limit, ip.next_header), (target.octets(), 255, IpNumber::IPV6_ICMP));
    assert_eq!(icmp.len(), usize::from(ip.payload_length));
    let slice = Icmpv6Slice::from_slice(icmp).unwrap();
    assert!(slice.is_checksum_valid(ip.source, ip.destination));
    assert_eq!((slice.type_u8(), slice.code_u8(), slice.bytes5to8()), (136, 0, [flags, 0, 0, 0]));
    assert_eq!(slice.payload()[..16], target.octets());
    assert_eq!(slice.payload()[16..], [&[2, 1][..], &src_mac.0].concat());
    let (dst_mac, from) = macs(out);
    assert_eq!(from, src_mac);
    (dst_mac, ip.destination.into())
}

#[test]
fn answers_for_the_gateway() {
    let mut switch = Switch::new();
    let nonce = [14, 1, 1, 2, 3, 4, 5, 6];
    let two = [SOURCE_LINK_LAYER, nonce].concat();
    for options in [&[][..], &SOURCE_LINK_LAYER, &two, &[14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let asked = solicitation(LINK_LOCAL, GATEWAY, options);
        let out = switch.forwards(CLIENT, &asked, CLIENT);
        assert_eq!(check(&out, GATEWAY_MAC, GATEWAY, 0xe0), (CLIENT_MAC, LINK_LOCAL));
    }
}

#[test]
fn answers_for_the_switch_in_the_fabric() {
    let mut switch = Switch::new();
    let out = switch.forwards(FABRIC, &solicitation(EDGE, SWITCH, &SOURCE_LINK_LAYER), FABRIC);
    assert_eq!(check(&out, FABRIC_MAC, SWITCH, 0xe0), (CLIENT_MAC, EDGE));
    switch.drops(CLIENT, &solicitation(LINK_LOCAL, SWITCH, &SOURCE_LINK_LAYER), DropReason::NdNotForUs);
    switch.drops(FABRIC, &solicitation(EDGE, GATEWAY, &SOURCE_LINK_LAYER), DropReason::NdNotForUs);
}

#[test]
fn tells_duplicate_address_detection_by_multicast() {
    let mut switch = Switch::new();
    let out = switch.forwards(CLIENT, &solicitation(Ipv6Addr::UNSPECIFIED, GATEWAY, &[]), CLIENT);
    let all_nodes = (MacAddr([0x33, 0x33, 0, 0, 0, 1]), "ff02::1".parse().unwrap());
    assert_eq!(check(&out, GATEWAY_MAC, GATEWAY, 0xa0), all_nodes);
}

#[test]
fn grows_the_answer_into_either_room_or_drops() {
    let asked = solicitation(LINK_LOCAL, GATEWAY, &[]);
    let mut switch = Switch::new();
    let (verdict, out) = switch.run_in(CLIENT, &asked, 8, 0);
    assert_eq!(verdict, mimiq_pipeline::Verdict::Send(CLIENT));
    check(&out, GATEWAY_MAC, GATEWAY, 0xe0);
    let (verdict, _) = switch.run_in(CLIENT, &asked, 7, 0);
    assert_eq!(verdict, mimiq_pipeline::Verdict::Drop(DropReason::PacketTooBig));
}

#[test]
fn carries_along_what_follows_the_solicitation() {
    let mut switch = Switch::new();
    for options in [0, 8, 16] {
        let asked = solicitation(LINK_LOCAL, GATEWAY, &SOURCE_LINK_LAYER.repeat(options / 8));
        let padded = [&asked[..], &[0xaa; 11]].concat();
        let out = switch.forwards(CLIENT, &padded, CLIENT);
        let (answer, rest) = out.split_at(14 + 40 + 32);
        assert_eq!(check(answer, GATEWAY_MAC, GATEWAY, 0xe0), (CLIENT_MAC, LINK_LOCAL));
        assert_eq!(rest, [0xaa; 11]);
    }
}

#[test]
fn drops_other_neighbour_discovery() {
    let mut switch = Switch::new();
    for port in [CLIENT, FABRIC, UPSTREAM] {
        for kind in [133, 134, 136, 137] {
            switch.drops(port, &message(CLIENT_V6, SERVER_V6, kind, &[0; 16]), DropReason::NdNotForUs);
        }
    }
    // Other ICMPv6 is forwarded.
    switch.forwards(CLIENT, &message(CLIENT_V6, SERVER_V6, 128, b"ping"), UPSTREAM);
}

#[test]
fn drops_malformed_solicitations() {
    let mut switch = Switch::new();
    let good = solicitation(LINK_LOCAL, GATEWAY, &SOURCE_LINK_LAYER);
    let target_at = 14 + 40 + 8;
    // Hop limit, code, checksum, target.
    for (at, flip) in [(14 + 7, 1), (14 + 40 + 1, 1), (14 + 40 + 2, 1), (target_at, 0xff)] {
        let mut bad = good.clone();
        bad[at] ^= flip;
        switch.drops(CLIENT, &bad, DropReason::MalformedNd);
    }
    for malformed in [
        solicitation(LINK_LOCAL, "ff02::1".parse().unwrap(), &[]),
        solicitation("ff02::1".parse().unwrap(), GATEWAY, &SOURCE_LINK_LAYER),
        solicitation(LINK_LOCAL, GATEWAY, &[1, 0, 0, 0, 0, 0, 0, 0]),
        solicitation(LINK_LOCAL, GATEWAY, &[1, 2, 0, 0, 0, 0, 0, 0]),
        solicitation(LINK_LOCAL, GATEWAY, &[1]),
        // More than sixteen bytes of options, however they are divided.
        solicitation(LINK_LOCAL, GATEWAY, &[SOURCE_LINK_LAYER; 3].concat()),
        solicitation(LINK_LOCAL, GATEWAY, &[&[14, 3][..], &[0; 22]].concat()),
        solicitation(LINK_LOCAL, GATEWAY, &[&SOURCE_LINK_LAYER[..], &[14, 2], &[0; 14]].concat()),
        // The second option is as wrong as the first.
        solicitation(LINK_LOCAL, GATEWAY, &[&SOURCE_LINK_LAYER[..], &[14, 0], &[0; 6]].concat()),
        solicitation(LINK_LOCAL, GATEWAY, &[&SOURCE_LINK_LAYER[..], &[14, 2], &[0; 6]].concat()),
        solicitation(Ipv6Addr::UNSPECIFIED, GATEWAY, &[&[14, 1, 0, 0, 0, 0, 0, 0][..], &SOURCE_LINK_LAYER].concat()),
        solicitation(Ipv6Addr::UNSPECIFIED, GATEWAY, &SOURCE_LINK_LAYER),
        message(Ipv6Addr::UNSPECIFIED, GATEWAY, 135, &GATEWAY.octets()),
    ] {
        switch.drops(CLIENT, &malformed, DropReason::MalformedNd);
    }
}

#[test]
fn drops_truncated_solicitations() {
    let mut switch = Switch::new();
    for len in 0..16 {
        let short = message(LINK_LOCAL, GATEWAY, 135, &GATEWAY.octets()[..len]);
        switch.drops(CLIENT, &short, DropReason::MalformedNd);
    }
}
