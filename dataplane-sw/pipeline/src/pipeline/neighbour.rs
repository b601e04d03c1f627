use mimiq_contract::{DropReason, PortId, Role, tables::*};

use super::{Context, ip::Ip};
use crate::{
    Packet,
    tables::ExactSchema,
    wire::{
        ethernet::{self, Ethernet},
        ipv6::{self, ICMPV6, Ipv6},
        nd,
    },
};

/// The ICMPv6 type, if the packet is a neighbour discovery message.
#[inline]
pub(super) fn message_type(packet: &Packet<'_>, ip: &Ip, header: &Ipv6) -> Option<u8> {
    if header.next_header != ICMPV6 || header.payload_len == 0 {
        return None;
    }
    packet.buf.get(ip.at + ipv6::LEN).copied().filter(|kind| nd::TYPES.contains(kind))
}

/// Line 3: answers a solicitation for an address of the switch, out of the ingress port; drops other neighbour discovery.
pub(super) fn answer(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    role: Role,
    (frame, ip, header): (&Ethernet, &Ip, &Ipv6),
    message_type: u8,
) -> Result<PortId, DropReason> {
    if message_type != nd::SOLICITATION {
        return Err(DropReason::NdNotForUs);
    }
    let icmp = packet.buf.get(ip.at + ipv6::LEN..ip.at + ip.len()).unwrap_or_default();
    let target_addr = nd::solicitation_target(header, icmp).ok_or(DropReason::MalformedNd)?;
    let key = GatewayV6Key { role, target_addr };
    let entry = context.tables.gateway_v6.find(GatewayV6::pack(&key)).ok_or(DropReason::NdNotForUs)?;
    context.tally.gateway.hit(&entry.counters, packet.len);
    let GatewayV6Action::Answer { mac } = entry.action;

    let (dst, advertisement) = nd::advertisement(header.src.addr(), target_addr, mac);
    let answer = Ipv6 {
        class_and_flow: 0,
        payload_len: advertisement.len() as u16,
        next_header: ICMPV6,
        hop_limit: 255,
        src: target_addr.into(),
        dst: dst.into(),
    };
    let dst_mac = if dst.is_multicast() { nd::ALL_NODES_MAC } else { frame.src };
    // The answer ends where the solicitation does, before what else is in the frame, and grows towards the headroom if it is
    // longer.
    packet.prepend(ip.at + ip.len(), advertisement)?;
    packet.prepend(packet.start, answer.emit())?;
    packet.prepend(packet.start, Ethernet { dst: dst_mac, src: mac, ether_type: ethernet::IPV6 }.emit())?;
    Ok(packet.port)
}
