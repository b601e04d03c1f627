//! Control datagrams between clients and controller (MIMIQ §3.3).

use mimiq_contract::{
    DropReason, PortId, Role,
    relay::{self, Direction, RelayHeader},
    tables::*,
    wellknown::RELAY_PORT,
};

use super::{Context, forward, ip::Ip};
use crate::{
    Packet,
    wire::{
        ethernet,
        ipv6::{self, Ipv6, UDP},
        udp::{self, Udp},
    },
};

/// Length of a fragment header, bytes.
const FRAGMENT_LEN: usize = 8;

/// Line 4, first half: wraps a client's control datagram and routes it to the controller. `None` if it is none.
#[inline]
pub(super) fn to_controller(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    ip: &Ip,
    header: &Ipv6,
) -> Option<Result<PortId, DropReason>> {
    let (udp, fragmented) = datagram(packet, ip, header)?;
    let entry = context.tables.control_relay.find((header.dst, udp.dst_port))?;
    context.tally.control_relay.hit(&entry.counters, packet.len);
    if fragmented || !header.src.addr().is_unicast_link_local() {
        return Some(Err(DropReason::BadControl));
    }
    Some(wrap(context, packet, ip, entry.action))
}

/// The UDP header, also behind a fragment header of the first fragment, and whether there is one.
fn datagram(packet: &Packet<'_>, ip: &Ip, header: &Ipv6) -> Option<(Udp, bool)> {
    let payload = packet.buf.get(ip.at + ipv6::LEN..ip.at + ip.len())?;
    match header.next_header {
        UDP => Some((Udp::parse(payload)?, false)),
        ipv6::FRAGMENT => match payload.split_first_chunk::<FRAGMENT_LEN>()? {
            (&[UDP, _, offset_high, offset_low, ..], rest) if offset_high == 0 && offset_low & 0xf8 == 0 => {
                Some((Udp::parse(rest)?, true))
            }
            _ => None,
        },
        _ => None,
    }
}

fn wrap(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    ip: &Ip,
    action: ControlRelayAction,
) -> Result<PortId, DropReason> {
    let ControlRelayAction::RelayToController { sid, switch_addr, controller_addr } = action;
    let arrived = packet.len;
    let header = RelayHeader { direction: Direction::FromClient, sid, port: packet.port };
    // What follows the client's packet in the frame is carried along, behind the outer packet as well.
    let wrapped = ethernet::LEN + ip.len();
    let udp_len = u16::try_from(udp::LEN + relay::HEADER_LEN + wrapped).map_err(|_| DropReason::PacketTooBig)?;
    let udp = Udp { src_port: RELAY_PORT, dst_port: RELAY_PORT, len: udp_len };
    if let Some(mtu) = context.fabric_mtu()
        && ipv6::LEN + usize::from(udp_len) > usize::from(mtu)
    {
        return Err(DropReason::PacketTooBig);
    }
    packet.prepend(packet.start, header.emit())?;
    packet.prepend(packet.start, udp.emit())?;
    forward::encapsulate(
        context,
        packet,
        Ipv6 {
            class_and_flow: 0,
            payload_len: udp_len,
            next_header: UDP,
            hop_limit: forward::HOP_LIMIT,
            src: switch_addr.into(),
            dst: controller_addr.into(),
        },
        arrived,
    )
}

/// Line 5, second half: unwraps a frame from the controller and sends it to the port in the relay header. `None` if it is
/// none.
pub(super) fn to_client(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    ip: &Ip,
    header: &Ipv6,
) -> Option<Result<PortId, DropReason>> {
    if header.next_header != UDP {
        return None;
    }
    let at = ip.at + ipv6::LEN;
    let udp = Udp::parse(packet.buf.get(at..ip.at + ip.len())?)?;
    let entry = context.tables.relay_return.find((header.src, header.dst, udp.dst_port))?;
    context.tally.relay_return.hit(&entry.counters, packet.len);
    Some(unwrap(context, packet, at, &udp, usize::from(header.payload_len)).ok_or(DropReason::MalformedRelay))
}

/// `at` is where the UDP header is, `available` how many bytes the IP packet has from there. What follows the frame in the
/// packet, or the packet in its own frame, is carried along.
fn unwrap(
    context: &mut Context<'_>,
    packet: &mut Packet<'_>,
    at: usize,
    udp: &Udp,
    available: usize,
) -> Option<PortId> {
    let (relay_at, udp_len) = (at + udp::LEN, usize::from(udp.len));
    let frame_at = relay_at + relay::HEADER_LEN;
    if udp.dst_port != RELAY_PORT || udp_len > available || at + udp_len < frame_at + ethernet::LEN {
        return None;
    }
    let header = RelayHeader::parse(packet.buf.get(relay_at..frame_at)?).ok()?;
    if header.direction != Direction::ToClient || context.egress_role(header.port, packet.len)? != Role::Client {
        return None;
    }
    packet.len = (packet.start + packet.len).checked_sub(frame_at)?;
    packet.start = frame_at;
    Some(header.port)
}
