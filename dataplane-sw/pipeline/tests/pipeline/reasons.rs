//! Every reason has a frame that is dropped for it.

use etherparse::IpNumber;
use mimiq_contract::{
    DropReason, PortId,
    wellknown::{CONTROL_PORT, GATEWAY, RELAY_PORT},
};

use crate::{frames::*, switch::*};

/// `None` for what packet I/O alone can say.
fn cause(reason: DropReason) -> Option<(PortId, Vec<u8>)> {
    let v6 = || udp6(CLIENT_V6, SERVER_V6, b"x");
    let v4 = || udp4(CLIENT_V4, SERVER_V4, b"x");
    let flipped = |mut frame: Vec<u8>, at: usize, flip: u8| {
        frame[at] ^= flip;
        (CLIENT, frame)
    };
    Some(match reason {
        DropReason::TruncatedEthernet => (CLIENT, v6()[..13].to_vec()),
        DropReason::EtherType => flipped(v6(), 13, 1),
        DropReason::NoRole => (UNUSED, v6()),
        DropReason::TruncatedIp => (CLIENT, v6()[..60].to_vec()),
        DropReason::IpVersion => flipped(v6(), 14, 0x20),
        DropReason::Ipv4Options => flipped(v4(), 14, 3),
        DropReason::Ipv4Checksum => flipped(v4(), 24, 1),
        DropReason::MalformedArp => (CLIENT, ethernet(0x0806, &[0; 28])),
        DropReason::ArpNotForUs => (CLIENT, ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4, 0, 2][..], &[0; 20]].concat())),
        DropReason::MalformedNd => (CLIENT, raw6(LINK_LOCAL, GATEWAY, IpNumber::IPV6_ICMP, &[135])),
        DropReason::NdNotForUs => (CLIENT, raw6(LINK_LOCAL, GATEWAY, IpNumber::IPV6_ICMP, &[133])),
        DropReason::SourceGuard => (OTHER_CLIENT, v6()),
        DropReason::DeniedSource => (UPSTREAM, v6()),
        DropReason::NotForwardable => (CLIENT, udp6(CLIENT_V6, LINK_LOCAL, b"x")),
        DropReason::HopLimit => flipped(raw6(CLIENT_V6, SERVER_V6, IpNumber::TCP, &[]), 21, 64),
        DropReason::AliasMiss => (UPSTREAM, udp6(SERVER_V6, FREE_ALIAS, b"x")),
        DropReason::BindingMiss => (UPSTREAM, udp6(SERVER_V6, FREE_BINDING, b"x")),
        DropReason::ClientMiss => (FABRIC, tunnelled(EDGE, SWITCH, &udp6(SERVER_V6, FAR_ALIAS, b"x"))),
        DropReason::NoRoute => (CLIENT, udp6(CLIENT_V6, NOWHERE_V6, b"x")),
        DropReason::PacketTooBig => (UPSTREAM, udp4(SERVER_V4, FAR_V4, &[0; 1500])),
        DropReason::MalformedTunnel => (FABRIC, raw6(EDGE, SWITCH, IpNumber::IPV4, &[0x60; 40])),
        DropReason::MalformedRelay => (FABRIC, udp6_with(CONTROLLER, SWITCH, 64, RELAY_PORT, &[2; 60])),
        // Without switch_info, below.
        DropReason::NoSwitchInfo => (UPSTREAM, udp6(SERVER_V6, CLIENT_V6, b"x")),
        DropReason::Egress => return None,
        DropReason::BadControl => (CLIENT, udp6_with(CLIENT_V6, GATEWAY, 64, CONTROL_PORT, b"x")),
        DropReason::BadSourceMac => flipped(v6(), 6, 1),
    })
}

#[test]
fn each_has_a_cause() {
    for reason in DropReason::ALL {
        let Some((port, mut frame)) = cause(*reason) else { continue };
        let mut switch = Switch::new();
        match reason {
            DropReason::NoSwitchInfo => {
                switch.delete(mimiq_contract::EntryKey::SwitchInfo(mimiq_contract::tables::SwitchInfoKey {}));
            }
            DropReason::PacketTooBig => {
                // "Don't fragment" would be answered by an ICMP error.
                frame[14 + 6] &= !0x40;
                let (mut header, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
                header.header_checksum = header.calc_header_checksum();
                frame[14..34].copy_from_slice(&header.to_bytes());
            }
            _ => {}
        }
        switch.drops(port, &frame, *reason);
    }
}

#[test]
fn the_role_of_the_port_comes_first() {
    let mut switch = Switch::new();
    switch.drops(UNUSED, &[], DropReason::NoRole);
    switch.drops(PortId(u16::MAX), &udp6(CLIENT_V6, SERVER_V6, b"x"), DropReason::NoRole);
}
