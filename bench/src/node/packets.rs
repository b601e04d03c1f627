//! Packets for the mix and the node behind it, all different: it takes none twice.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use mimiq_directory::Node;
use mimiq_sphinx::{Destination, Geometry, Hop, NodeKey, Order, Unwrapper, build_batch};
use rand::Rng as _;
use rand::rngs::ThreadRng;

use super::place::{CURRENT, Place};

/// What all payloads are filled with.
pub(super) const FILL: u8 = 13;
/// Of how many it is said that they are ready.
const BLOCK: usize = 50_000;

/// Packets, one behind the other.
pub(super) struct Packets {
    size: usize,
    bytes: Vec<u8>,
}

impl Packets {
    /// Builds them, with a delay each at the mix.
    pub(super) fn new(
        place: &Place,
        count: usize,
        delay: impl Fn(&mut ThreadRng) -> Duration + Sync,
    ) -> anyhow::Result<Self> {
        let geometry = place.directory.geometry();
        let (size, keys) = (geometry.packet_len(), [key(&place.mix)?, key(&place.behind.node)?]);
        let mut bytes = vec![0; count * size];
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        for (block, packets) in bytes.chunks_mut(BLOCK * size).enumerate() {
            thread::scope(|scope| -> anyhow::Result<()> {
                let parts = packets.chunks_mut((BLOCK / threads + 1) * size);
                let parts = parts.map(|part| scope.spawn(|| fill(place, &geometry, &keys, &delay, part)));
                let running: Vec<_> = parts.collect();
                running.into_iter().try_for_each(|part| part.join().map_err(|_| anyhow::anyhow!("packets: thread"))?)
            })?;
            println!("{} of {count} packets are built", (block * BLOCK + BLOCK).min(count));
        }
        Ok(Self { size, bytes })
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.size
    }

    /// The first so many; fewer if there are not as many.
    pub(super) fn first(&self, count: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes[..count.min(self.len()) * self.size].chunks_exact(self.size)
    }
}

fn key(node: &Node) -> anyhow::Result<NodeKey> {
    Ok(NodeKey::new(node.key(CURRENT).context("no key")?)?)
}

fn fill(
    place: &Place,
    geometry: &Geometry,
    [mix, behind]: &[NodeKey; 2],
    delay: &impl Fn(&mut ThreadRng) -> Duration,
    part: &mut [u8],
) -> anyhow::Result<()> {
    let rng = &mut rand::rng();
    let (names, payload) = ([place.mix.id(), place.behind.node.id()], vec![FILL; geometry.payload_len()]);
    let mut packets: Vec<&mut [u8]> = part.chunks_exact_mut(geometry.packet_len()).collect();
    for packets in packets.chunks_mut(Unwrapper::LANES) {
        let paths: Vec<_> = packets
            .iter()
            .map(|_| {
                let first = Hop { node: names[0], key: mix, delay: delay(rng) };
                [first, Hop { node: names[1], key: behind, delay: Duration::ZERO }]
            })
            .collect();
        let order = |path| {
            let destination = Destination::Inbox { recipient: rng.random(), id: rng.random() };
            Order { epoch: CURRENT as u8, path, destination, payload: Some(&payload) }
        };
        let orders: Vec<Order<'_>> = paths.iter().map(|path| &path[..]).map(order).collect();
        build_batch(geometry, &orders, rng, packets)?;
    }
    Ok(())
}
