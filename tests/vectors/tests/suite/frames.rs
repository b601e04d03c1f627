//! Frames in notation against etherparse, which is not ours; and what is refused.

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv4Type, Icmpv6Type, IpNumber, Ipv4Header, Ipv6Header,
    PacketBuilder, UdpHeader,
};
use mimiq_vectors::frame::{self, build};

const ETH: &str = "eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)";
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const V6: [[u8; 16]; 2] = [
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
];
const V4: [[u8; 4]; 2] = [[192, 0, 2, 1], [198, 51, 100, 2]];

fn of(layers: &str) -> Vec<u8> {
    build(&format!("{ETH}/{layers}")).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn udp_and_icmp_agree_with_etherparse() {
    for len in [0, 1, 2, 7, 100, 1001] {
        let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let (ip6, ip4) =
            ("ipv6(src=2001:db8::1, dst=2001:db8::2, hop=9)", "ipv4(src=192.0.2.1, dst=198.51.100.2, ttl=9, df=1)");
        let mut expected = Vec::new();
        let v6 = || PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv6(V6[0], V6[1], 9);
        let v4 = || PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv4(V4[0], V4[1], 9);
        v6().udp(4000, 5000).write(&mut expected, &payload).unwrap();
        assert_eq!(of(&format!("{ip6}/udp(sport=4000, dport=5000)/bytes({len})")), expected);
        expected.clear();
        v4().udp(4000, 5000).write(&mut expected, &payload).unwrap();
        assert_eq!(of(&format!("{ip4}/udp(sport=4000, dport=5000)/bytes({len})")), expected);
        expected.clear();
        let echo = Icmpv6Type::Unknown { type_u8: 128, code_u8: 1, bytes5to8: [0, 1, 2, 3] };
        v6().icmpv6(echo).write(&mut expected, &payload).unwrap();
        assert_eq!(of(&format!("{ip6}/icmp6(type=128, code=1, rest=0x00010203)/bytes({len})")), expected);
        expected.clear();
        let echo = Icmpv4Type::Unknown { type_u8: 8, code_u8: 1, bytes5to8: [0, 1, 2, 3] };
        v4().icmpv4(echo).write(&mut expected, &payload).unwrap();
        assert_eq!(of(&format!("{ip4}/icmp4(type=8, code=1, rest=0x00010203)/bytes({len})")), expected);
    }
}

#[test]
fn headers_agree_with_etherparse() {
    let mut v4 = Ipv4Header::new(4, 64, IpNumber(6), V4[0], V4[1]).unwrap();
    (v4.more_fragments, v4.dont_fragment, v4.identification) = (true, false, 0xabcd);
    v4.fragment_offset = 185.try_into().unwrap();
    (v4.dscp, v4.ecn) = (46.try_into().unwrap(), 2.try_into().unwrap());
    v4.options = [0x94, 4, 0, 0].as_slice().try_into().unwrap();
    v4.set_payload_len(4).unwrap();
    v4.header_checksum = v4.calc_header_checksum();
    let ours = of(
        "ipv4(src=192.0.2.1, dst=198.51.100.2, mf=1, offset=185, tos=0xba, id=0xabcd, options=94040000, proto=6)/text(\"four\")",
    );
    assert_eq!(ours[14..], [&v4.to_bytes()[..], b"four"].concat());

    let v6 = Ipv6Header {
        traffic_class: 0xb8,
        flow_label: 0xabcde.try_into().unwrap(),
        payload_length: 4,
        next_header: IpNumber(6),
        hop_limit: 64,
        source: V6[0],
        destination: V6[1],
    };
    let ours = of("ipv6(src=2001:db8::1, dst=2001:db8::2, tc=0xb8, flow=0xabcde, next=6)/text(\"four\")");
    assert_eq!(ours[14..], [&v6.to_bytes()[..], b"four"].concat());

    let (hardware, operation) = (ArpHardwareId::ETHERNET, ArpOperation::REPLY);
    let arp = ArpPacket::new(hardware, EtherType::IPV4, operation, &MACS[0], &V4[0], &MACS[1], &V4[1]).unwrap();
    let ours = of(
        "arp(op=reply, sender_mac=02:00:00:00:00:01, sender_ip=192.0.2.1, target_mac=02:00:00:00:00:02, target_ip=198.51.100.2)",
    );
    assert_eq!(ours[14..], arp.to_bytes()[..]);
}

#[test]
fn types_follow_from_what_is_inside() {
    for (layers, at, expected) in [
        ("ipv6(src=::1, dst=::2)/ipv4(src=1.2.3.4, dst=5.6.7.8)/udp(sport=1, dport=2)", 20, 4),
        ("ipv6(src=::1, dst=::2)/ipv6(src=::3, dst=::4)", 20, 41),
        ("ipv6(src=::1, dst=::2)", 20, 59),
        ("ipv6(src=::1, dst=::2)/hopopts()/udp(sport=1, dport=2)", 20, 0),
        ("ipv6(src=::1, dst=::2)/hopopts()/udp(sport=1, dport=2)", 54, 17),
        ("ipv6(src=::1, dst=::2)/dstopts()/fragment()/udp(sport=1, dport=2)", 20, 60),
        ("ipv6(src=::1, dst=::2)/dstopts()/fragment()/udp(sport=1, dport=2)", 54, 44),
        ("ipv6(src=::1, dst=::2)/ns(target=fe80::1)/opt(type=1, mac=02:00:00:00:00:01)", 20, 58),
        ("ipv4(src=1.2.3.4, dst=5.6.7.8)/icmp4(type=8)", 23, 1),
    ] {
        assert_eq!(of(layers)[at], expected, "{layers}");
    }
}

#[test]
fn what_is_given_is_not_computed_and_endings_change_the_whole() {
    let plain = of("ipv6(src=::1, dst=::2)/udp(sport=1, dport=2)/text(\"x\")");
    let (ip, udp) = (&plain[14..54], UdpHeader::from_slice(&plain[54..]).unwrap().0);
    assert_eq!((ip[5], udp.length), (9, 9));
    let given = of(
        "ipv6(src=::1, dst=::2, len=7, version=5, next=99)/udp(sport=1, dport=2, len=3, checksum=0x1234)/text(\"x\")",
    );
    assert_eq!((given[14] >> 4, given[19], given[20]), (5, 7, 99));
    assert_eq!(given[58..62], [0, 3, 0x12, 0x34]);
    let bad = of("ipv6(src=::1, dst=::2)/udp(sport=1, dport=2, checksum=bad)/text(\"x\")");
    assert_eq!((bad.len(), bad.iter().zip(&plain).filter(|(a, b)| a != b).count()), (plain.len(), 1));
    let padded = of("ipv6(src=::1, dst=::2)/udp(sport=1, dport=2)/text(\"x\")/pad(3)");
    assert_eq!((&padded[..plain.len()], &padded[plain.len()..]), (&plain[..], &[0xa0, 0xa1, 0xa2][..]));
    assert_eq!(of("ipv6(src=::1, dst=::2)/udp(sport=1, dport=2)/text(\"x\")/cut(20)"), plain[..20]);
    let inner = of("ipv6(src=::1, dst=::2, next=99)/frame(ipv6(src=::1, dst=::2)/pad(2))/first(3, hex(01 02 03 04))");
    assert_eq!((inner[19], inner.len()), (40 + 2 + 3, 14 + 40 + 45));
    assert_eq!(inner[inner.len() - 5..], [0xa0, 0xa1, 1, 2, 3]);
}

#[test]
fn printed_bytes_are_read_again() {
    for len in [0, 1, 5, 6, 13, 14, 15, 100] {
        let bytes: Vec<u8> = (0..len).collect();
        assert_eq!(build(&frame::print(&bytes)).unwrap(), bytes);
    }
    assert_eq!(frame::print(&[1; 16]), "hex(010101010101 010101010101 0101 0101)");
}

#[test]
fn messages_name_layer_argument_and_value() {
    for (notation, message) in [
        ("", "a layer is expected at \"\""),
        ("eth", "layer eth: ( is missing"),
        ("eth(src=1", "layer eth: ) is missing"),
        ("vlan(id=1)", "layer vlan: no such layer"),
        ("hex(00) x", "\"x\" behind the frame"),
        ("hex(0)", "layer hex: \"0\" is no sequence of hexadecimal bytes"),
        ("hex(0g)", "layer hex: \"0g\" is no sequence of hexadecimal bytes"),
        ("text(\"a", "layer text: the closing \" is missing"),
        ("text(a)", "layer text: a text in \"quotes\" is expected"),
        ("bytes(70000)", "layer bytes: 70000 bytes are more than a frame has"),
        ("cut(1)", "layer cut: the frame has only 0 bytes, not 1"),
        ("zeros(2)/cut(3)", "layer cut: the frame has only 2 bytes, not 3"),
        ("zeros(2)/pad(x)", "layer pad: \"x\" is no number"),
        ("zeros(2)/pad(1)/zeros(2)", "layer zeros: nothing but pad and cut may follow pad and cut"),
        ("first(9, zeros(2))", "layer first: the frame has only 2 bytes, not 9"),
        ("eth(src=02:00:00:00:00:01)/zeros(1)", "layer eth: dst is missing"),
        (
            "eth(src=1, dst=02:00:00:00:00:01)/zeros(1)",
            "layer eth: src: \"1\" is no MAC address (six hexadecimal bytes with colons)",
        ),
        (
            "eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:01)/zeros(1)",
            "layer eth: what follows has no known type: type is missing",
        ),
        ("ipv6(src=::1, dst=::2)/zeros(1)", "layer ipv6: what follows has no known number: next is missing"),
        ("ipv6(src=::1, dst=1.2.3.4)", "layer ipv6: dst: \"1.2.3.4\" is no IPv6 address"),
        ("ipv6(src=::1, dst=::2, hop=256)", "layer ipv6: hop: 256 does not fit 8 bits"),
        (
            "ipv6(src=::1, dst=::2, ttl=1)",
            "layer ipv6: ttl: no such argument, those are: dst, flow, hop, len, next, src, tc, version",
        ),
        ("ipv6(src=::1, src=::1, dst=::2)", "layer ipv6: src is given twice"),
        ("ipv6(src=::1, dst=::2, 7)", "layer ipv6: Word(\"7\") has no name"),
        ("ipv6(src=::1, dst=::2, next=udp(sport=1))", "layer ipv6: next: an address, a number or a word is expected"),
        ("ipv4(src=1.2.3.4, dst=5.6.7.8, options=00)", "layer ipv4: options: 1 bytes, not 4, 8 ... 40"),
        ("udp(sport=1, dport=2)", "layer udp: checksum: no IP header is in front, so it must be given"),
        ("udp(sport=1, dport=2, checksum=x)", "layer udp: checksum: \"x\" is no number"),
        ("relay(sid=1, port=2)", "layer relay: type is missing (from_client, to_client or a number)"),
        ("hopopts(options=00)", "layer hopopts: options: 1 bytes, not 6, 14, 22 ..."),
    ] {
        let error = build(notation).unwrap_err();
        assert_eq!(format!("{error:#}"), message, "{notation}");
    }
    // However deep.
    let deep = "frame(".repeat(100_000);
    assert!(format!("{:#}", build(&deep).unwrap_err()).contains("more than 8 levels"));
}
