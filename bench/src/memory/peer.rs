//! The peer: straightforward code with etherparse and the hash tables of the standard library. It does the
//! same work for the same frames, and only that: one family, no ARP, no neighbour messages, no ICMP errors.

use std::{collections::HashMap, net::Ipv6Addr};

use etherparse::{EtherType, IpNumber, Ipv6FlowLabel, Ipv6Header, NetSlice, SlicedPacket};
use mimiq_contract::{DropReason, MacAddr, PortId, Role};
use mimiq_pipeline::{Packet, Verdict};

use super::{
    network::{
        CLIENT_MAC, CLIENT_PORT, FABRIC_MAC, FABRIC_PORT, INTERNAL, INTERNAL_LEN, MASK, OTHER, POOL, POOL_LEN,
        SWITCH_MAC, THIS, UPSTREAM_MAC, UPSTREAM_PORT, alias_of,
    },
    work::Work,
};

const ETHERNET: usize = 14;
const IPV6: usize = 40;

/// An entry's value with its packet and byte counters.
type Counted<T> = (T, u64, u64);
/// Prefixes, the longest first.
type Prefixes<T> = Vec<(Ipv6Addr, u8, T)>;

pub(super) struct Peer {
    roles: HashMap<PortId, Role>,
    source_guard: HashMap<(PortId, [u8; 6], Ipv6Addr), Counted<()>>,
    denied: Prefixes<()>,
    decap: HashMap<(Ipv6Addr, Ipv6Addr), Counted<()>>,
    clients: HashMap<Ipv6Addr, Counted<(PortId, MacAddr)>>,
    pools: Prefixes<u128>,
    aliases: HashMap<Ipv6Addr, Counted<Ipv6Addr>>,
    routes: Prefixes<(PortId, MacAddr)>,
}

impl Peer {
    pub(super) fn new(work: Work, addresses: &[Ipv6Addr]) -> Self {
        let of = |wanted| if work == wanted { addresses } else { &[] };
        let guard = of(Work::SourceGuard).iter().map(|a| ((CLIENT_PORT, CLIENT_MAC.0, *a), ((), 0, 0)));
        let aliases = of(Work::Alias).iter().map(|a| (alias_of(*a), (OTHER, 0, 0)));
        let clients = of(Work::Delivery).iter().map(|a| (*a, ((CLIENT_PORT, CLIENT_MAC), 0, 0)));
        let roles = [(CLIENT_PORT, Role::Client), (FABRIC_PORT, Role::Fabric), (UPSTREAM_PORT, Role::Upstream)];
        Self {
            roles: roles.into(),
            source_guard: guard.collect(),
            denied: vec![(INTERNAL, INTERNAL_LEN, ()), (POOL, POOL_LEN, ())],
            decap: [((OTHER, THIS), ((), 0, 0))].into(),
            clients: clients.collect(),
            pools: vec![(POOL, POOL_LEN, MASK.to_bits())],
            aliases: aliases.collect(),
            routes: vec![
                (INTERNAL, INTERNAL_LEN, (FABRIC_PORT, FABRIC_MAC)),
                (Ipv6Addr::UNSPECIFIED, 0, (UPSTREAM_PORT, UPSTREAM_MAC)),
            ],
        }
    }

    pub(super) fn process(&mut self, packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>) {
        verdicts.clear();
        for packet in packets {
            verdicts.push(self.one(packet).unwrap_or(Verdict::Drop(DropReason::NoRoute)));
        }
    }

    /// `None`: dropped.
    fn one(&mut self, packet: &mut Packet<'_>) -> Option<Verdict> {
        let bytes = packet.len as u64;
        let role = *self.roles.get(&packet.port)?;
        let Parsed { src_mac, mut header, inner } = parse(packet.frame())?;
        match role {
            Role::Client => {
                hit(&mut self.source_guard, &(packet.port, src_mac, header.source_addr()), bytes)?;
            }
            Role::Upstream if longest(&self.denied, header.source_addr()).is_some() => return None,
            Role::Fabric if header.next_header == IpNumber::IPV6 => {
                hit(&mut self.decap, &(header.source_addr(), header.destination_addr()), bytes)?;
                header = inner?;
                packet.start += IPV6;
                packet.len -= IPV6;
            }
            _ => {}
        }
        let (src, dst) = (header.source_addr(), header.destination_addr());
        if [src, dst]
            .iter()
            .any(|a| a.is_multicast() || a.is_loopback() || a.is_unspecified() || a.is_unicast_link_local())
        {
            return None;
        }
        header.hop_limit = header.hop_limit.checked_sub(1).filter(|limit| *limit > 0)?;
        packet.frame_mut()[ETHERNET..ETHERNET + IPV6].copy_from_slice(&header.to_bytes());
        if let Some((port, mac)) = hit(&mut self.clients, &dst, bytes) {
            return Some(send(packet, port, mac));
        }
        if let Some(mask) = longest(&self.pools, dst) {
            let switch = hit(&mut self.aliases, &Ipv6Addr::from_bits(dst.to_bits() & mask), bytes)?;
            let outer = Ipv6Header {
                traffic_class: header.traffic_class,
                flow_label: Ipv6FlowLabel::try_new(header.flow_label.value()).ok()?,
                payload_length: u16::try_from(packet.len - ETHERNET).ok()?,
                next_header: IpNumber::IPV6,
                hop_limit: 64,
                source: THIS.octets(),
                destination: switch.octets(),
            };
            packet.start -= IPV6;
            packet.len += IPV6;
            packet.frame_mut()[ETHERNET..ETHERNET + IPV6].copy_from_slice(&outer.to_bytes());
            let (port, mac) = longest(&self.routes, switch)?;
            return Some(send(packet, port, mac));
        }
        let (port, mac) = longest(&self.routes, dst)?;
        Some(send(packet, port, mac))
    }
}

struct Parsed {
    src_mac: [u8; 6],
    header: Ipv6Header,
    /// If it is IPv6 in IPv6.
    inner: Option<Ipv6Header>,
}

fn parse(frame: &[u8]) -> Option<Parsed> {
    let parsed = SlicedPacket::from_ethernet(frame).ok()?;
    let src_mac = parsed.link.as_ref()?.to_header()?.ethernet2()?.source;
    let Some(NetSlice::Ipv6(ip)) = &parsed.net else { return None };
    let header = ip.header().to_header();
    let inner = || Ipv6Header::from_slice(ip.payload().payload).ok().map(|(inner, _)| inner);
    let inner = if header.next_header == IpNumber::IPV6 { inner() } else { None };
    Some(Parsed { src_mac, header, inner })
}

fn hit<K: Eq + std::hash::Hash, T: Copy>(table: &mut HashMap<K, Counted<T>>, key: &K, bytes: u64) -> Option<T> {
    let (value, packets, sum) = table.get_mut(key)?;
    *packets += 1;
    *sum += bytes;
    Some(*value)
}

fn longest<T: Copy>(prefixes: &Prefixes<T>, addr: Ipv6Addr) -> Option<T> {
    let inside = |prefix: &Ipv6Addr, len: u8| len == 0 || (prefix.to_bits() ^ addr.to_bits()) >> (128 - len) == 0;
    prefixes.iter().find(|(prefix, len, _)| inside(prefix, *len)).map(|(_, _, value)| *value)
}

fn send(packet: &mut Packet<'_>, port: PortId, dst_mac: MacAddr) -> Verdict {
    let frame = packet.frame_mut();
    frame[..6].copy_from_slice(&dst_mac.0);
    frame[6..12].copy_from_slice(&SWITCH_MAC.0);
    frame[12..ETHERNET].copy_from_slice(&EtherType::IPV6.0.to_be_bytes());
    Verdict::Send(port)
}
