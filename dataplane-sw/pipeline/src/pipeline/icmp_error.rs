use mimiq_contract::{PortId, tables::SwitchInfoAction};

use super::ip::{Header, Ip};
use crate::{
    Packet,
    wire::{
        ethernet::{self, Ethernet},
        icmp::{self, IcmpError},
        ipv4::{self, Ipv4},
        ipv6::{self, Ipv6},
    },
};

use super::{Context, forward::HOP_LIMIT};

/// Turns a dropped packet, which is still as it arrived, into an ICMP error out of its ingress port. `None`
/// where there must be no error (RFC 4443 §2.4 (e), RFC 1122 §3.2.2), or the meter is not green.
pub(super) fn reply(context: &mut Context<'_>, packet: &mut Packet<'_>, ip: &Ip, error: IcmpError) -> Option<PortId> {
    let frame = Ethernet::parse(packet.frame())?;
    let &SwitchInfoAction::SetSwitchInfo { icmp_addr_v6, icmp_addr_v4, .. } = context.tables.switch_info.find()?;
    // Sources that are multicast or otherwise no host's have been dropped before.
    if ethernet::is_group(frame.dst) || !may_cause_error(packet, ip) || !context.meter.is_green(context.now_ns) {
        return None;
    }
    let quoted = icmp::QUOTED + if matches!(ip.header, Header::V4(_)) { ipv4::LEN } else { ipv6::LEN };
    let quote = packet.buf.get(ip.at..ip.at + quoted)?;
    let len = icmp::LEN + quoted;
    let icmp = match &ip.header {
        Header::V4(_) => error.emit_v4(quote),
        Header::V6(header) => error.emit_v6(icmp_addr_v6, header.src.addr(), quote),
    };
    (packet.start, packet.len) = (ip.at, quoted);
    packet.prepend(ip.at, icmp).ok()?;
    match &ip.header {
        Header::V4(header) => {
            let answer = Ipv4 {
                total_len: (ipv4::LEN + len) as u16,
                dont_fragment: true,
                fragment_offset: 0,
                ttl: HOP_LIMIT,
                protocol: icmp::ICMPV4,
                src: icmp_addr_v4,
                dst: header.src,
            };
            packet.prepend(packet.start, answer.emit()).ok()?;
        }
        Header::V6(header) => {
            let answer = Ipv6 {
                class_and_flow: 0,
                payload_len: len as u16,
                next_header: ipv6::ICMPV6,
                hop_limit: HOP_LIMIT,
                src: icmp_addr_v6.into(),
                dst: header.src,
            };
            packet.prepend(packet.start, answer.emit()).ok()?;
        }
    }
    let answer = Ethernet { dst: frame.src, src: frame.dst, ether_type: ip.ether_type() };
    packet.prepend(packet.start, answer.emit()).ok()?;
    Some(packet.port)
}

/// Whether the packet is long enough to be quoted, is no ICMP error, and is the first fragment if one of IPv4.
fn may_cause_error(packet: &Packet<'_>, ip: &Ip) -> bool {
    let icmp_type = |header_len: usize| packet.buf.get(ip.at + header_len).copied().unwrap_or_default();
    match &ip.header {
        Header::V4(header) => {
            ip.len() >= ipv4::LEN + icmp::QUOTED
                && header.fragment_offset == 0
                && !(header.protocol == icmp::ICMPV4 && icmp::is_error_v4(icmp_type(ipv4::LEN)))
        }
        Header::V6(header) => {
            ip.len() >= ipv6::LEN + icmp::QUOTED
                && !(header.next_header == ipv6::ICMPV6 && icmp::is_error_v6(icmp_type(ipv6::LEN)))
        }
    }
}
