//! Packets from the inside out, as bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::MacAddr;

use crate::frame::checksum;

pub(super) fn ethernet(dst: MacAddr, src: MacAddr, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&dst.0[..], &src.0, &ether_type.to_be_bytes(), payload].concat()
}

pub(super) fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, (next, hop, flow): (u8, u8, u32), payload: &[u8]) -> Vec<u8> {
    let mut out = (6 << 28 | flow & 0x0fff_ffff).to_be_bytes().to_vec();
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, hop]);
    out.extend(src.octets());
    out.extend(dst.octets());
    out.extend(payload);
    out
}

pub(super) fn ipv4(
    src: Ipv4Addr,
    dst: Ipv4Addr,
    (protocol, ttl, fragment): (u8, u8, u16),
    id: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0x45, (id >> 8) as u8];
    out.extend((20 + payload.len() as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(fragment.to_be_bytes());
    out.extend([ttl, protocol, 0, 0]);
    out.extend(src.octets());
    out.extend(dst.octets());
    out.extend(payload);
    fix_ipv4(&mut out);
    out
}

pub(super) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = [src, dst, 8 + payload.len() as u16, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
    out.extend(payload);
    out
}

pub(super) fn relay(version: u8, kind: u8, sid: u16, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![version, kind];
    out.extend(sid.to_be_bytes());
    out.extend(port.to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

pub(super) fn arp(operation: u16, sender: (MacAddr, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    let mut out = vec![0, 1, 8, 0, 6, 4];
    out.extend(operation.to_be_bytes());
    out.extend(sender.0.0);
    out.extend(sender.1.octets());
    out.extend([0; 6]);
    out.extend(target.octets());
    out
}

/// Makes the checksum of the IPv4 header at the start right, if there is one.
pub(super) fn fix_ipv4(packet: &mut [u8]) {
    if let Some(header) = packet.get_mut(..20) {
        header[10..12].fill(0);
        let checksum = checksum::of(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Makes the checksum of ICMPv6 right, if the IPv6 packet at the start has it right behind its header.
pub(super) fn fix_icmpv6(packet: &mut [u8]) {
    let Some((header, payload)) = packet.split_first_chunk_mut::<40>() else { return };
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let Some(icmp) = payload.get_mut(..len).filter(|icmp| icmp.len() >= 4 && header[6] == 58) else { return };
    let [mut src, mut dst] = [[0; 16]; 2];
    src.copy_from_slice(&header[8..24]);
    dst.copy_from_slice(&header[24..40]);
    icmp[2..4].fill(0);
    let checksum = checksum::of_upper((Ipv6Addr::from(src).into(), Ipv6Addr::from(dst).into()), 58, icmp);
    icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
}
