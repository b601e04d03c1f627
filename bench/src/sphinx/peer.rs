//! Nym's sphinx-packet.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use sphinx_packet::constants::{DESTINATION_ADDRESS_LENGTH, IDENTIFIER_LENGTH, NODE_ADDRESS_LENGTH};
use sphinx_packet::header::delays::{self, Delay};
use sphinx_packet::payload::PAYLOAD_OVERHEAD_SIZE;
use sphinx_packet::route::{Destination, DestinationAddressBytes, Node, NodeAddressBytes};
use sphinx_packet::{ProcessedPacketData, SphinxPacket, SphinxPacketBuilder};
use x25519_dalek::{PublicKey, StaticSecret};

use super::{BATCH, PAYLOAD, each};

pub(super) struct Network {
    route: Vec<Node>,
    delays: Vec<Delay>,
    destination: Destination,
    first: StaticSecret,
}

impl Network {
    pub(super) fn new(hops: usize) -> anyhow::Result<Self> {
        let secrets: Vec<StaticSecret> = (1..=hops).map(|hop| StaticSecret::from([hop as u8; 32])).collect();
        let node = |secret| Node::new(NodeAddressBytes::from_bytes([5; NODE_ADDRESS_LENGTH]), PublicKey::from(secret));
        Ok(Self {
            route: secrets.iter().map(node).collect(),
            delays: delays::generate_from_average_duration(hops, Duration::from_millis(10)),
            destination: Destination::new(
                DestinationAddressBytes::from_bytes([3; DESTINATION_ADDRESS_LENGTH]),
                [4; IDENTIFIER_LENGTH],
            ),
            first: secrets[0].clone(),
        })
    }

    fn packets(&self) -> anyhow::Result<(Vec<SphinxPacket>, f64)> {
        let payload = vec![13; PAYLOAD - 1];
        let mut packets = Vec::with_capacity(BATCH);
        let start = Instant::now();
        for _ in 0..BATCH {
            let builder = SphinxPacketBuilder::new().with_payload_size(PAYLOAD + PAYLOAD_OVERHEAD_SIZE);
            packets.push(builder.build_packet(black_box(&payload), &self.route, &self.destination, &self.delays)?);
        }
        Ok((packets, each(start)))
    }

    /// The packets, not yet the bytes for the wire.
    pub(super) fn build(&self) -> anyhow::Result<f64> {
        Ok(self.packets()?.1)
    }

    /// From the bytes that came to those that go out.
    pub(super) fn unwrap(&self) -> anyhow::Result<f64> {
        let packets: Vec<Vec<u8>> = self.packets()?.0.iter().map(SphinxPacket::to_bytes).collect();
        let mut relayed = 0;
        let start = Instant::now();
        for packet in &packets {
            let done = SphinxPacket::from_bytes(black_box(packet))?.process(&self.first)?;
            if let ProcessedPacketData::ForwardHop { next_hop_packet, .. } = done.data {
                relayed += usize::from(black_box(next_hop_packet.to_bytes()).len() > PAYLOAD);
            }
        }
        let time = each(start);
        ensure!(relayed == BATCH, "a packet was not relayed");
        Ok(time)
    }
}
