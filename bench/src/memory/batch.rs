//! Frames for one piece of work, with addresses drawn at random from the entries.

use std::net::Ipv6Addr;

use mimiq_contract::{MacAddr, PortId};
use mimiq_pipeline::{HEADROOM, Packet};
use rand::{Rng as _, rngs::StdRng};

use super::{
    network::{
        CLIENT_MAC, CLIENT_PORT, FABRIC_MAC, FABRIC_PORT, OTHER, SERVER, SWITCH_MAC, THIS, UPSTREAM_MAC, UPSTREAM_PORT,
    },
    work::Work,
};

/// As the packet rings' chunks.
pub(super) const CHUNK: usize = 2048;
/// Of UDP: with Ethernet and IPv6 around it, a frame of 102 bytes.
const PAYLOAD: usize = 40;

/// A batch that is filled again and again.
pub(super) struct Batch<'a> {
    pub packets: Vec<Packet<'a>>,
    addresses: &'a [Ipv6Addr],
    template: Vec<u8>,
    /// Where the address that changes is in the frame.
    address_at: usize,
    rng: StdRng,
    start: StdRng,
}

impl<'a> Batch<'a> {
    pub(super) fn new(work: Work, addresses: &'a [Ipv6Addr], memory: &'a mut [u8], rng: StdRng) -> Self {
        let (port, template, address_at) = template(work);
        let packets = memory.chunks_exact_mut(CHUNK).map(|buf| Packet { buf, start: HEADROOM, len: 0, port }).collect();
        Self { packets, addresses, template, address_at, start: rng.clone(), rng }
    }

    /// The addresses come in the same order again.
    pub(super) fn restart(&mut self) {
        self.rng = self.start.clone();
    }

    /// Makes each packet a new frame.
    pub(super) fn fill(&mut self) {
        for packet in &mut self.packets {
            (packet.start, packet.len) = (HEADROOM, self.template.len());
            let addr = self.addresses[self.rng.random_range(..self.addresses.len())];
            let frame = packet.frame_mut();
            frame.copy_from_slice(&self.template);
            frame[self.address_at..self.address_at + 16].copy_from_slice(&addr.octets());
        }
    }
}

fn template(work: Work) -> (PortId, Vec<u8>, usize) {
    let any = Ipv6Addr::UNSPECIFIED;
    match work {
        Work::SourceGuard => (CLIENT_PORT, [ethernet(CLIENT_MAC), ipv6(any, SERVER, 17, udp())].concat(), 14 + 8),
        Work::Alias => (UPSTREAM_PORT, [ethernet(UPSTREAM_MAC), ipv6(SERVER, any, 17, udp())].concat(), 14 + 24),
        Work::Delivery => {
            let inner = ipv6(SERVER, any, 17, udp());
            (FABRIC_PORT, [ethernet(FABRIC_MAC), ipv6(OTHER, THIS, 41, inner)].concat(), 14 + 40 + 24)
        }
    }
}

fn ethernet(src: MacAddr) -> Vec<u8> {
    [&SWITCH_MAC.0[..], &src.0, &[0x86, 0xdd]].concat()
}

fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, payload: Vec<u8>) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let fixed = [0x60, 0, 0, 0, high, low, next_header, 63];
    [&fixed[..], &src.octets(), &dst.octets(), &payload].concat()
}

fn udp() -> Vec<u8> {
    // The checksum is the receiver's business.
    let mut bytes = vec![0x01, 0xbb, 0xc0, 0x00, 0, PAYLOAD as u8 + 8, 0x12, 0x34];
    bytes.resize(8 + PAYLOAD, 0xa5);
    bytes
}
