use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::Entry;
use rand::Rng;

use super::{
    super::{
        packet::{fix_icmpv6, ipv4, ipv6, udp},
        universe::pick,
    },
    Aim,
};

const ICMPV6_TYPES: [u8; 14] = [0, 1, 2, 3, 4, 127, 128, 129, 132, 133, 134, 136, 137, 138];
const ICMPV4_TYPES: [u8; 10] = [0, 3, 4, 5, 6, 8, 10, 11, 12, 13];
/// So deeply packets are nested.
const DEPTH: usize = 2;

impl<R: Rng> Aim<'_, R> {
    pub(super) fn packet_v6(&mut self, src: Ipv6Addr, depth: usize) -> Vec<u8> {
        let host = self.rng.random_range(0..4);
        let known = self.of(|entry| match entry {
            Entry::ClientV6(key, _) => Some(key.dst_addr),
            Entry::BindingV6(key, _) => Some(key.dst_addr),
            Entry::Alias(key, _) => Some(Ipv6Addr::from_bits(key.alias_prefix.to_bits() | host)),
            Entry::PoolV6(key, _) => Some(key.dst_addr.addr()),
            _ => None,
        });
        let dst = known.filter(|_| self.rng.random()).unwrap_or_else(|| self.v6());
        let (next, payload) = self.payload_v6(depth);
        let flow = if self.rng.random_ratio(1, 4) { self.rng.random() } else { 0 };
        let hop = self.hop();
        let mut packet = ipv6(src, dst, (next, hop, flow), &payload);
        if self.rng.random() {
            fix_icmpv6(&mut packet);
        }
        packet
    }

    fn payload_v6(&mut self, depth: usize) -> (u8, Vec<u8>) {
        let ports = (self.universe.udp_port(self.rng), self.universe.udp_port(self.rng));
        let bytes = self.bytes();
        match self.rng.random_range(0..20) {
            0..8 => (17, udp(ports.0, ports.1, &bytes)),
            8..11 => (58, [&[pick(self.rng, &ICMPV6_TYPES).unwrap_or(128), 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat()),
            11 => (58, bytes),
            12 => (44, self.fragment(&udp(ports.0, ports.1, &bytes))),
            13 => (0, [&[17, 0, 1, 4, 0, 0, 0, 0], &udp(ports.0, ports.1, &bytes)[..]].concat()),
            14 => (60, [&[17, 0, 1, 4, 0, 0, 0, 0], &udp(ports.0, ports.1, &bytes)[..]].concat()),
            15 if depth < DEPTH => {
                let src = self.v6();
                (41, self.packet_v6(src, depth + 1))
            }
            16 if depth < DEPTH => {
                let src = self.v4();
                (4, self.packet_v4(src, depth + 1))
            }
            17 => (17, bytes),
            18 => (self.rng.random(), bytes),
            _ => (6, bytes),
        }
    }

    pub(super) fn fragment(&mut self, payload: &[u8]) -> Vec<u8> {
        let offset: u16 = if self.rng.random() { 0 } else { self.rng.random() };
        let more = u16::from(self.rng.random::<bool>());
        let [high, low] = (offset << 3 | more).to_be_bytes();
        let next = if self.rng.random_ratio(3, 4) { 17 } else { self.rng.random() };
        [&[next, 0, high, low, 0, 0, 0, 1], payload].concat()
    }

    pub(super) fn packet_v4(&mut self, src: Ipv4Addr, depth: usize) -> Vec<u8> {
        let known = self.of(|entry| match entry {
            Entry::ClientV4(key, _) => Some(key.dst_addr),
            Entry::BindingV4(key, _) => Some(key.dst_addr),
            _ => None,
        });
        let dst = known.filter(|_| self.rng.random()).unwrap_or_else(|| self.v4());
        let fragment = match self.rng.random_range(0..8) {
            0 => self.rng.random(),
            1 => 0x2000,
            2..5 => 0x4000,
            _ => 0,
        };
        let bytes = self.bytes();
        let (protocol, payload) = match self.rng.random_range(0..10) {
            0..6 => (17, udp(4000, self.universe.udp_port(self.rng), &bytes)),
            6..8 => (1, [&[pick(self.rng, &ICMPV4_TYPES).unwrap_or(8), 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat()),
            8 if depth < DEPTH => {
                let src = self.v6();
                (41, self.packet_v6(src, depth + 1))
            }
            _ => (self.rng.random(), bytes),
        };
        let (ttl, id) = (self.hop(), self.rng.random());
        let mut packet = ipv4(src, dst, (protocol, ttl, fragment), id, &payload);
        if self.rng.random_ratio(1, 40) {
            // A header length of more or less than what is there.
            packet[0] = 0x40 | self.rng.random_range(0..16);
        }
        packet
    }
}
