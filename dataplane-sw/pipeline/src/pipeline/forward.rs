//! Lines 9 to 11: delivery, encapsulation, routes.

use mimiq_contract::{
    DropReason, MacAddr, PortId, Role,
    tables::{RouteV4Action, RouteV6Action, SwitchInfoAction},
};

use super::{
    Context, Reject,
    ip::{Header, Ip},
};
use crate::{
    Packet,
    bits::Bits128,
    wire::{
        ethernet::{self, Ethernet},
        icmp::IcmpError,
        ipv6::{self, Ipv6},
    },
};

/// Hop limit of packets the switch originates.
pub(super) const HOP_LIMIT: u8 = 64;

/// Where a packet leaves.
struct NextHop {
    port: PortId,
    src_mac: MacAddr,
    dst_mac: MacAddr,
}

/// Line 9: to a client of this switch.
#[inline]
pub(super) fn deliver(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    ip: &Ip,
    (port, dst_mac): (PortId, MacAddr),
) -> Result<PortId, Reject> {
    let &SwitchInfoAction::SetSwitchInfo { mac, .. } = context.switch_info()?;
    send(packet, ip, &NextHop { port, src_mac: mac, dst_mac }).map_err(Reject::from)
}

/// Line 10, where the client-facing switch is known: in a tunnel to it.
#[inline]
pub(super) fn tunnel(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    ip: &Ip,
    switch_addr: Bits128,
) -> Result<PortId, Reject> {
    let &SwitchInfoAction::SetSwitchInfo { tunnel_addr, fabric_mtu, .. } = context.switch_info()?;
    let len = ip.len();
    if len + ipv6::LEN > usize::from(fabric_mtu) {
        return Err(too_big(ip, fabric_mtu.saturating_sub(ipv6::LEN as u16)));
    }
    let (next_header, class_and_flow) = match &ip.header {
        Header::V4(_) => (ipv6::IPV4, 0),
        Header::V6(inner) => (ipv6::IPV6, inner.class_and_flow),
    };
    let outer = Ipv6 {
        class_and_flow,
        // Not above the fabric's MTU, which has 16 bits.
        payload_len: len as u16,
        next_header,
        hop_limit: HOP_LIMIT,
        src: tunnel_addr.into(),
        dst: switch_addr,
    };
    let arrived = packet.len;
    ip.decrement_hop_limit(packet.buf);
    // What was in front of the packet, an Ethernet or an outer header, is overwritten.
    packet.len = (packet.start + packet.len).saturating_sub(ip.at);
    packet.start = ip.at;
    encapsulate(context, packet, outer, arrived).map_err(Reject::from)
}

/// Puts an outer header in front of the frame, which is no Ethernet frame but its payload, and routes it by that.
#[inline]
pub(super) fn encapsulate(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    outer: Ipv6,
    arrived: usize,
) -> Result<PortId, DropReason> {
    let entry = context.tables.route_v6.find(outer.dst).ok_or(DropReason::NoRoute)?;
    context.tally.route.hit(&entry.counters, arrived);
    let RouteV6Action::Forward { port, src_mac, dst_mac } = entry.action;
    packet.prepend(packet.start, outer.emit())?;
    packet.prepend(packet.start, Ethernet { dst: dst_mac, src: src_mac, ether_type: ethernet::IPV6 }.emit())?;
    Ok(port)
}

/// Line 11: by its destination.
#[inline]
pub(super) fn route(context: &mut Context<'_>, packet: &mut Packet<'_>, ip: &Ip) -> Result<PortId, Reject> {
    let tables = context.tables;
    let (next_hop, counters) = match &ip.header {
        Header::V4(header) => {
            let entry = tables.route_v4.find(header.dst.into()).ok_or(DropReason::NoRoute)?;
            let RouteV4Action::Forward { port, src_mac, dst_mac } = entry.action;
            (NextHop { port, src_mac, dst_mac }, &entry.counters)
        }
        Header::V6(header) => {
            let entry = tables.route_v6.find(header.dst).ok_or(DropReason::NoRoute)?;
            let RouteV6Action::Forward { port, src_mac, dst_mac } = entry.action;
            (NextHop { port, src_mac, dst_mac }, &entry.counters)
        }
    };
    context.tally.route.hit(counters, packet.len);
    let role = context.egress_role(next_hop.port, packet.len);
    if role == Some(Role::Fabric)
        && let Some(mtu) = context.fabric_mtu()
        && ip.len() > usize::from(mtu)
    {
        return Err(too_big(ip, mtu));
    }
    send(packet, ip, &next_hop).map_err(Reject::from)
}

/// Decrements the hop limit and writes the Ethernet header.
#[inline]
fn send(packet: &mut Packet<'_>, ip: &Ip, next_hop: &NextHop) -> Result<PortId, DropReason> {
    ip.decrement_hop_limit(packet.buf);
    let frame = Ethernet { dst: next_hop.dst_mac, src: next_hop.src_mac, ether_type: ip.ether_type() };
    packet.prepend(ip.at, frame.emit())?;
    Ok(next_hop.port)
}

/// The drop of a packet larger than `mtu`. IPv4 without "don't fragment" asks for fragments, which the switch does not make,
/// and expects no error.
fn too_big(ip: &Ip, mtu: u16) -> Reject {
    let wants_error = match &ip.header {
        Header::V4(header) => header.dont_fragment,
        Header::V6(_) => true,
    };
    Reject { reason: DropReason::PacketTooBig, error: wants_error.then_some(IcmpError::TooBig(mtu)) }
}
