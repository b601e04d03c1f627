use std::net::{Ipv4Addr, Ipv6Addr};

use mimiq_contract::{
    MacAddr, PortId,
    wellknown::{CONTROL_PORT, GATEWAY, GATEWAY_MAC, RELAY_PORT},
};
use rand::{Rng, seq::IndexedRandom as _};

/// Few addresses, MACs and ports that tables and frames of a round share, so that they meet.
pub(super) struct Universe {
    pub(super) v6: Vec<Ipv6Addr>,
    pub(super) v4: Vec<Ipv4Addr>,
    pub(super) macs: Vec<MacAddr>,
    pub(super) ports: Vec<PortId>,
    pub(super) udp_ports: Vec<u16>,
}

/// Addresses of every kind that the pipeline tells apart, and their neighbours.
const SPECIAL_V6: [&str; 15] = [
    "::",
    "::1",
    "::2",
    "fe80::",
    "fe80::1",
    "febf:ffff::1",
    "fec0::1",
    "fe7f::1",
    "ff00::",
    "ff02::1",
    "ff02::1:ff00:1",
    "ff02::1:ff6d:6971",
    "ff05::1:ff00:1",
    "feff::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];
const SPECIAL_V4: [&str; 13] = [
    "0.0.0.0",
    "0.0.0.1",
    "126.255.255.255",
    "127.0.0.1",
    "128.0.0.0",
    "169.253.0.1",
    "169.254.1.1",
    "169.255.0.0",
    "223.255.255.255",
    "224.0.0.1",
    "240.0.0.2",
    "255.255.255.254",
    "255.255.255.255",
];

impl Universe {
    pub(super) fn new(rng: &mut impl Rng) -> Self {
        // Close to one another, so that prefixes overlap.
        let v6 = |rng: &mut dyn rand::RngCore| {
            let (site, subnet, host) = (rng.random_range(0..3), rng.random_range(0..3), rng.random_range(0..4));
            match rng.random_range(0..3) {
                0 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host),
                _ => Ipv6Addr::new(0x2001, 0xdb8, site, subnet << 7, 0, 0, subnet << 15, host),
            }
        };
        let v4 = |rng: &mut dyn rand::RngCore| {
            let net = [[203, 0, 113], [203, 0, 112], [10, 0, 0], [198, 51, 100]][rng.random_range(0..4)];
            Ipv4Addr::new(net[0], net[1], net[2], rng.random_range(0..6))
        };
        Self {
            v6: (0..10).map(|_| v6(rng)).chain([GATEWAY]).collect(),
            v4: (0..8).map(|_| v4(rng)).collect(),
            macs: (1..5).map(|n| MacAddr([2, 0, 0, 0, 0, n])).chain([GATEWAY_MAC]).collect(),
            // BMv2 takes 511 for dropping; the largest number that can leave is 510.
            ports: [0, 1, 2, 3, 4, 5, 257, 510].map(PortId).to_vec(),
            udp_ports: vec![CONTROL_PORT, RELAY_PORT, 53, 0],
        }
    }

    pub(super) fn v6(&self, rng: &mut impl Rng) -> Ipv6Addr {
        pick(rng, &self.v6).unwrap_or(GATEWAY)
    }

    /// One that may be of another kind, too.
    pub(super) fn any_v6(&self, rng: &mut impl Rng) -> Ipv6Addr {
        match rng.random_range(0..16) {
            0 => pick(rng, &SPECIAL_V6).and_then(|text| text.parse().ok()).unwrap_or(GATEWAY),
            1 => Ipv6Addr::from_bits(self.v6(rng).to_bits() ^ 1 << rng.random_range(0..128)),
            _ => self.v6(rng),
        }
    }

    pub(super) fn v4(&self, rng: &mut impl Rng) -> Ipv4Addr {
        pick(rng, &self.v4).unwrap_or(Ipv4Addr::LOCALHOST)
    }

    /// One that may be of another kind, too.
    pub(super) fn any_v4(&self, rng: &mut impl Rng) -> Ipv4Addr {
        match rng.random_range(0..16) {
            0 => pick(rng, &SPECIAL_V4).and_then(|text| text.parse().ok()).unwrap_or(Ipv4Addr::LOCALHOST),
            1 => Ipv4Addr::from_bits(self.v4(rng).to_bits() ^ 1 << rng.random_range(0..32)),
            _ => self.v4(rng),
        }
    }

    pub(super) fn mac(&self, rng: &mut impl Rng) -> MacAddr {
        pick(rng, &self.macs).unwrap_or(GATEWAY_MAC)
    }

    pub(super) fn port(&self, rng: &mut impl Rng) -> PortId {
        pick(rng, &self.ports).unwrap_or_default()
    }

    pub(super) fn udp_port(&self, rng: &mut impl Rng) -> u16 {
        pick(rng, &self.udp_ports).unwrap_or_default()
    }
}

/// One of them; `None` if there are none.
pub(super) fn pick<T: Copy>(rng: &mut impl Rng, from: &[T]) -> Option<T> {
    from.choose(rng).copied()
}
