//! A path of nodes.

use std::time::Duration;

use mimiq_sphinx::{Destination, Geometry, Hop, Malformed, NodeKey, SecretKey, Unwrapped, Unwrapper, build};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::model::ModelHop;

pub(crate) const EPOCH: u8 = 7;

pub(crate) struct Node {
    pub(crate) name: [u8; 16],
    pub(crate) secret: SecretKey,
    pub(crate) key: NodeKey,
    pub(crate) micros: u32,
}

pub(crate) struct Path {
    pub(crate) geometry: Geometry,
    pub(crate) nodes: Vec<Node>,
}

impl Path {
    pub(crate) fn new(geometry: Geometry, hops: usize, seed: u64) -> Self {
        let mut rng = rng(seed);
        let nodes = (0..hops).map(|hop| {
            let secret = SecretKey::generate(&mut rng);
            let key = NodeKey::new(secret.public_key()).unwrap();
            Node { name: [hop as u8 + 1; 16], secret, key, micros: 1_000_000 * hop as u32 + 17 }
        });
        Self { geometry, nodes: nodes.collect() }
    }

    pub(crate) fn hops(&self) -> Vec<Hop<'_>> {
        let hop = |node: &'_ Node| Duration::from_micros(node.micros.into());
        self.nodes.iter().map(|node| Hop { node: node.name, key: &node.key, delay: hop(node) }).collect()
    }

    pub(crate) fn model(&self) -> Vec<ModelHop> {
        let model = |node: &Node| ModelHop {
            node: node.name,
            public: *node.secret.public_key().as_bytes(),
            micros: node.micros,
        };
        self.nodes.iter().map(model).collect()
    }

    pub(crate) fn unwrapper(&self, hop: usize) -> Unwrapper {
        Unwrapper::new(self.geometry, self.nodes[hop].secret.clone())
    }

    pub(crate) fn build(&self, destination: &Destination, payload: &[u8], seed: u64) -> Vec<u8> {
        let mut packet = vec![0; self.geometry.packet_len()];
        build(&self.geometry, EPOCH, &self.hops(), destination, payload, &mut rng(seed), &mut packet).unwrap();
        packet
    }
}

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn message(geometry: &Geometry) -> Vec<u8> {
    (0..geometry.payload_len()).map(|at| (at * 7 % 251) as u8).collect()
}

pub(crate) fn one(unwrapper: &Unwrapper, packet: &mut [u8]) -> Result<Unwrapped, Malformed> {
    let mut results = Vec::new();
    unwrapper.unwrap_batch(&mut [packet], &mut results);
    assert_eq!(results.len(), 1);
    results[0]
}
