//! Lines 1 to 5: parses a frame and answers, wraps or unwraps it, or makes it a [`Job`].

use mimiq_contract::{DropReason, MacAddr, PortId, Role};

use super::{
    Context, arp,
    ip::{Header, Ip},
    job::Job,
    neighbour, relay,
};
use crate::{
    Packet,
    wire::{
        ethernet::{self, Ethernet},
        ipv6::{self, Ipv6},
    },
};

/// What the first lines make of a frame.
pub(super) enum Ingress {
    /// It leaves, as it is now.
    Send(PortId),
    /// It is forwarded or dropped by the lines that follow.
    Forward(Job),
}

#[inline]
pub(super) fn classify(context: &mut Context<'_>, packet: &mut Packet<'_>) -> Result<Ingress, DropReason> {
    let slot = context.tables.port_role.find(packet.port).ok_or(DropReason::NoRole)?;
    context.tally.port_role.hit(&slot.counters, packet.len);
    let role = slot.action;
    let frame = Ethernet::parse(packet.frame()).ok_or(DropReason::TruncatedEthernet)?;
    if frame.src == MacAddr::default() || ethernet::is_group(frame.src) {
        return Err(DropReason::BadSourceMac);
    }
    let range = packet.start + ethernet::LEN..packet.start + packet.len;
    let ip = match frame.ether_type {
        ethernet::IPV6 => Ip::parse_v6(packet.buf, range)?,
        ethernet::IPV4 => Ip::parse_v4(packet.buf, range)?,
        ethernet::ARP => return arp::answer(context, packet, role, &frame).map(Ingress::Send),
        _ => return Err(DropReason::EtherType),
    };
    if let Header::V6(header) = &ip.header {
        if let Some(message_type) = neighbour::message_type(packet, &ip, header) {
            return neighbour::answer(context, packet, role, (&frame, &ip, header), message_type).map(Ingress::Send);
        }
        match role {
            Role::Client => {
                if let Some(sent) = relay::to_controller(context, packet, &ip, header) {
                    return sent.map(Ingress::Send);
                }
            }
            Role::Fabric => {
                if let Some(inner) = decapsulate(context, packet, &ip, header) {
                    return Ok(Ingress::Forward(Job { role, src_mac: frame.src, ip: inner?, decapsulated: true }));
                }
                if let Some(sent) = relay::to_client(context, packet, &ip, header) {
                    return sent.map(Ingress::Send);
                }
            }
            Role::Upstream => {}
        }
    }
    Ok(Ingress::Forward(Job { role, src_mac: frame.src, ip, decapsulated: false }))
}

/// Line 5, first half: the packet in a tunnel that ends here. `None` if there is none.
#[inline]
fn decapsulate(
    context: &mut Context<'_>,
    packet: &Packet<'_>,
    outer: &Ip,
    header: &Ipv6,
) -> Option<Result<Ip, DropReason>> {
    if !matches!(header.next_header, ipv6::IPV4 | ipv6::IPV6) {
        return None;
    }
    let entry = context.tables.decap.find((header.src, header.dst))?;
    context.tally.decap.hit(&entry.counters, packet.len);
    let range = outer.at + ipv6::LEN..outer.at + outer.len();
    let inner = match header.next_header {
        ipv6::IPV4 => Ip::parse_v4(packet.buf, range),
        _ => Ip::parse_v6(packet.buf, range),
    };
    Some(inner.map_err(|_| DropReason::MalformedTunnel))
}
