//! Well-formed frames of all kinds, aimed at the entries of a state.

mod packets;

use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::{
    Entry, MacAddr, PortId, Role,
    tables::*,
    wellknown::{CONTROL_PORT, GATEWAY, RELAY_PORT},
};
use rand::{Rng, seq::IteratorRandom as _};

use super::{
    packet::{arp, ethernet, fix_icmpv6, ipv6, relay, udp},
    universe::{Universe, pick},
};
use crate::{entry::State, subject::PortFrame};

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const HOPS: [u8; 8] = [64, 64, 64, 255, 2, 2, 1, 0];

/// A frame and the port it arrives at.
pub(super) fn frame(rng: &mut impl Rng, universe: &Universe, state: &State) -> PortFrame {
    let mut aim = Aim { rng, universe, state };
    match aim.rng.random_range(0..100) {
        0..46 => aim.plain(),
        46..62 => aim.tunnel(),
        62..72 => aim.control(),
        72..82 => aim.relay_return(),
        82..88 => aim.arp(),
        88..97 => aim.neighbour(),
        _ => aim.garbage(),
    }
}

struct Aim<'a, R> {
    rng: &'a mut R,
    universe: &'a Universe,
    state: &'a State,
}

impl<R: Rng> Aim<'_, R> {
    /// Something of an entry that has it.
    fn of<T>(&mut self, find: impl Fn(&Entry) -> Option<T>) -> Option<T> {
        self.state.values().filter_map(find).choose(self.rng)
    }

    fn port(&mut self, wanted: Role) -> PortId {
        let found = self.of(|entry| match entry {
            Entry::PortRole(key, PortRoleAction::SetRole { role }) if *role == wanted => Some(key.port),
            _ => None,
        });
        found.filter(|_| self.mostly()).unwrap_or_else(|| self.universe.port(self.rng))
    }

    fn mostly(&mut self) -> bool {
        self.rng.random_ratio(15, 16)
    }

    fn hop(&mut self) -> u8 {
        pick(self.rng, &HOPS).unwrap_or(64)
    }

    fn v6(&mut self) -> Ipv6Addr {
        self.universe.any_v6(self.rng)
    }

    fn v4(&mut self) -> Ipv4Addr {
        self.universe.any_v4(self.rng)
    }

    fn mac(&mut self) -> MacAddr {
        self.universe.mac(self.rng)
    }

    /// A destination MAC: a group now and then.
    fn to(&mut self) -> MacAddr {
        if self.rng.random_ratio(1, 12) { MacAddr([0x33, 0x33, 0, 0, 0, 1]) } else { self.mac() }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.rng.random_range(0..200) {
            0 => self.rng.random_range(1400..1600),
            1 => self.rng.random_range(1600..9100),
            2..40 => self.rng.random_range(0..160),
            _ => self.rng.random_range(0..24),
        };
        let first: u8 = self.rng.random();
        (0..len).map(|n| first.wrapping_add(n as u8)).collect()
    }

    fn port_and_source(&mut self) -> (PortId, MacAddr) {
        let role = pick(self.rng, &[Role::Client, Role::Fabric, Role::Upstream]).unwrap_or(Role::Client);
        (self.port(role), self.mac())
    }

    fn plain(&mut self) -> PortFrame {
        let (guarded, dst_mac) = (self.rng.random(), self.to());
        if self.rng.random_ratio(3, 5) {
            let leased = self.of(|entry| match entry {
                Entry::SourceGuardV6(key, _) => Some((key.port, key.src_mac, key.src_addr)),
                _ => None,
            });
            let (port, mac, src) = leased.filter(|_| guarded).unwrap_or_else(|| {
                let (port, mac) = self.port_and_source();
                (port, mac, self.v6())
            });
            let packet = self.packet_v6(src, 0);
            (port, ethernet(dst_mac, mac, IPV6, &packet))
        } else {
            let leased = self.of(|entry| match entry {
                Entry::SourceGuardV4(key, _) => Some((key.port, key.src_mac, key.src_addr)),
                _ => None,
            });
            let (port, mac, src) = leased.filter(|_| guarded).unwrap_or_else(|| {
                let (port, mac) = self.port_and_source();
                (port, mac, self.v4())
            });
            let packet = self.packet_v4(src, 0);
            (port, ethernet(dst_mac, mac, IPV4, &packet))
        }
    }

    fn tunnel(&mut self) -> PortFrame {
        let ends = self.of(|entry| match entry {
            Entry::Decap(key, _) => Some((key.outer_src, key.outer_dst)),
            _ => None,
        });
        let (src, dst) = ends.unwrap_or_else(|| (self.v6(), self.v6()));
        let (next, inner) = if self.rng.random() {
            let src = self.v6();
            (41, self.packet_v6(src, 1))
        } else {
            let src = self.v4();
            (4, self.packet_v4(src, 1))
        };
        let hop = self.hop();
        self.at_fabric(ipv6(src, dst, (next, hop, 0), &inner))
    }

    fn at_fabric(&mut self, packet: Vec<u8>) -> PortFrame {
        let (port, dst, src) = (self.port(Role::Fabric), self.to(), self.mac());
        (port, ethernet(dst, src, IPV6, &packet))
    }

    fn control(&mut self) -> PortFrame {
        let known = self.of(|entry| match entry {
            Entry::ControlRelay(key, _) => Some((key.dst_addr, key.udp_dst_port)),
            _ => None,
        });
        let (dst, port) = known.unwrap_or((GATEWAY, CONTROL_PORT));
        let src = if self.rng.random_ratio(7, 8) {
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, self.rng.random())
        } else {
            self.v6()
        };
        let bytes = self.bytes();
        let datagram = udp(40_000, port, &bytes);
        let (next, payload) = if self.rng.random_ratio(7, 8) { (17, datagram) } else { (44, self.fragment(&datagram)) };
        let hop = self.hop();
        let packet = ipv6(src, dst, (next, hop, 0), &payload);
        let (port, to, from) = (self.port(Role::Client), self.to(), self.mac());
        (port, ethernet(to, from, IPV6, &packet))
    }

    fn relay_return(&mut self) -> PortFrame {
        let known = self.of(|entry| match entry {
            Entry::RelayReturn(key, _) => Some((key.src_addr, key.dst_addr, key.udp_dst_port)),
            _ => None,
        });
        let (src, dst, udp_port) = known.unwrap_or_else(|| (self.v6(), self.v6(), RELAY_PORT));
        let client = self.of(|entry| match entry {
            Entry::EgressRole(key, EgressRoleAction::SetEgressRole { role: Role::Client }) => Some(key.port.0),
            _ => None,
        });
        let port = match (client, self.rng.random_range(0..8)) {
            (Some(port), 0..6) => port,
            (_, 6) => self.universe.port(self.rng).0 | 512 << self.rng.random_range(0..7u32),
            _ => self.universe.port(self.rng).0,
        };
        // The drop port of BMv2 is no port there.
        let port = if port == 511 { 510 } else { port };
        let (version, kind) =
            if self.mostly() { (1, 2) } else { (self.rng.random_range(0..3), self.rng.random_range(0..4)) };
        let wrapped = if self.rng.random_ratio(1, 8) {
            self.bytes()
        } else {
            let bytes = self.bytes();
            ethernet(self.mac(), self.mac(), 0x88b5, &bytes)
        };
        let sid = self.rng.random();
        let datagram = udp(RELAY_PORT, udp_port, &relay(version, kind, sid, port, &wrapped));
        let hop = self.hop();
        self.at_fabric(ipv6(src, dst, (17, hop, 0), &datagram))
    }

    fn arp(&mut self) -> PortFrame {
        let known = self.of(|entry| match entry {
            Entry::GatewayV4(key, _) => Some((key.role, key.target_addr)),
            _ => None,
        });
        let (role, target) = known.unwrap_or_else(|| (Role::Client, self.v4()));
        let operation = if self.mostly() { 1 } else { self.rng.random_range(0..4) };
        let (mac, addr) = (self.mac(), self.v4());
        let message = arp(operation, (mac, addr), target);
        (self.port(role), ethernet(MacAddr([0xff; 6]), mac, ARP, &message))
    }

    fn neighbour(&mut self) -> PortFrame {
        let known = self.of(|entry| match entry {
            Entry::GatewayV6(key, _) => Some((key.role, key.target_addr)),
            _ => None,
        });
        let (role, target) = known.unwrap_or_else(|| (Role::Client, self.v6()));
        let src = if self.rng.random_ratio(1, 5) { Ipv6Addr::UNSPECIFIED } else { self.v6() };
        let node = Ipv6Addr::from_bits(0xff02_u128 << 112 | 0x01_ff00_0000 | target.to_bits() & 0xff_ffff);
        let dst = if self.rng.random_ratio(3, 4) { node } else { self.v6() };
        let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0], &target.octets()[..]].concat();
        for _ in 0..pick(self.rng, &[0, 0, 1, 1, 1, 2, 3]).unwrap_or(0) {
            let units = pick(self.rng, &[1, 1, 1, 2, 2, 0, 3]).unwrap_or(1);
            let kind = pick(self.rng, &[1, 1, 14, 2]).unwrap_or(1);
            message.extend([kind, units, 2, 0, 0, 0, 0, 1]);
            message.extend(vec![7; 8 * usize::from(units.saturating_sub(1))]);
        }
        let hop = if self.mostly() { 255 } else { self.hop() };
        let mut packet = ipv6(src, dst, (58, hop, 0), &message);
        fix_icmpv6(&mut packet);
        let (port, to, from) = (self.port(role), self.to(), self.mac());
        (port, ethernet(to, from, IPV6, &packet))
    }

    fn garbage(&mut self) -> PortFrame {
        let mut bytes = vec![0; self.rng.random_range(1..200)];
        self.rng.fill(&mut bytes[..]);
        if self.rng.random() {
            let ether_type = pick(self.rng, &[IPV4, ARP, IPV6, 0x8100, 0x88a8, 0]).unwrap_or(0);
            bytes = ethernet(self.mac(), self.mac(), ether_type, &bytes);
        }
        (self.universe.port(self.rng), bytes)
    }
}
