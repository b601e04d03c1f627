use mimiq_contract::{DropReason, PortId, Role, tables::*};

use super::Context;
use crate::{
    Packet,
    tables::ExactSchema,
    wire::{
        arp::{self, Arp},
        ethernet::{self, Ethernet},
    },
};

/// Line 2: answers a request for an address of the switch, out of the ingress port.
pub(super) fn answer(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    role: Role,
    frame: &Ethernet,
) -> Result<PortId, DropReason> {
    let request = packet.frame().get(ethernet::LEN..).and_then(Arp::parse).ok_or(DropReason::MalformedArp)?;
    if request.operation != arp::REQUEST {
        return Err(DropReason::ArpNotForUs);
    }
    let key = GatewayV4Key { role, target_addr: request.target_addr };
    let entry = context.tables.gateway_v4.find(GatewayV4::pack(&key)).ok_or(DropReason::ArpNotForUs)?;
    context.tally.gateway.hit(&entry.counters, packet.len);
    let GatewayV4Action::Answer { mac } = entry.action;
    let reply = Arp {
        operation: arp::REPLY,
        sender_mac: mac,
        sender_addr: request.target_addr,
        target_mac: request.sender_mac,
        target_addr: request.sender_addr,
    };
    packet.prepend(packet.start + ethernet::LEN + arp::LEN, reply.emit())?;
    packet.prepend(packet.start, Ethernet { dst: frame.src, src: mac, ether_type: ethernet::ARP }.emit())?;
    Ok(packet.port)
}
