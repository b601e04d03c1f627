//! Lines 1 to 5: parses a frame and answers, wraps or unwraps it, or makes it a [`Job`].

use mimiq_contract::{DropReason, MacAddr, PortId, Role};

use super::{Context, arp, ip::Header, job::Job, neighbour, relay};
use crate::{
    Packet,
    wire::{
        ethernet::{self, Ethernet},
        ipv6::{self, Ipv6},
    },
};

/// What the first lines make of a frame.
#[derive(Clone, Copy)]
pub(super) enum Ingress {
    /// It leaves, as it is now.
    Send(PortId),
    /// It is forwarded or dropped by the lines that follow.
    Forward,
}

/// Fills in the job of a packet that is forwarded; any other's is left in disorder.
#[inline]
pub(super) fn classify(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    job: &mut Job<'_>,
) -> Result<Ingress, DropReason> {
    let (role, counters) = context.tables.port_role.find(packet.port).ok_or(DropReason::NoRole)?;
    context.tally.port_role.hit(counters, packet.len);
    job.role = role;
    let frame = Ethernet::parse(packet.frame()).ok_or(DropReason::TruncatedEthernet)?;
    if frame.src == MacAddr::default() || ethernet::is_group(frame.src) {
        return Err(DropReason::BadSourceMac);
    }
    (job.src_mac, job.decapsulated) = (frame.src, false);
    let range = packet.start + ethernet::LEN..packet.start + packet.len;
    match frame.ether_type {
        ethernet::IPV6 => job.ip.read_v6(packet.buf, range)?,
        ethernet::IPV4 => job.ip.read_v4(packet.buf, range)?,
        ethernet::ARP => return arp::answer(context, packet, job.role, &frame).map(Ingress::Send),
        _ => return Err(DropReason::EtherType),
    }
    let Header::V6(header) = &job.ip.header else { return Ok(Ingress::Forward) };
    if let Some(message_type) = neighbour::message_type(packet, &job.ip, header) {
        let solicitation = (&frame, &job.ip, header);
        return neighbour::answer(context, packet, job.role, solicitation, message_type).map(Ingress::Send);
    }
    match job.role {
        Role::Client => {
            if let Some(sent) = relay::to_controller(context, packet, &job.ip, header) {
                return sent.map(Ingress::Send);
            }
        }
        Role::Fabric => {
            if is_tunnel_end(context, packet.len, header) {
                job.decapsulated = true;
                let range = job.ip.at + ipv6::LEN..job.ip.at + job.ip.len();
                match header.next_header {
                    ipv6::IPV4 => job.ip.read_v4(packet.buf, range),
                    _ => job.ip.read_v6(packet.buf, range),
                }
                .map_err(|_| DropReason::MalformedTunnel)?;
            } else if let Some(sent) = relay::to_client(context, packet, &job.ip, header) {
                return sent.map(Ingress::Send);
            }
        }
        Role::Upstream => {}
    }
    Ok(Ingress::Forward)
}

/// Line 5, first half: whether the packet, with this outer header, is in a tunnel that ends here.
#[inline]
fn is_tunnel_end(context: &mut Context<'_>, bytes: usize, outer: &Ipv6) -> bool {
    if !matches!(outer.next_header, ipv6::IPV4 | ipv6::IPV6) {
        return false;
    }
    let Some(entry) = context.tables.decap.find((outer.src, outer.dst)) else { return false };
    context.tally.decap.hit(&entry.counters, bytes);
    true
}
