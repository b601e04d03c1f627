//! A policy for 3 layers of 2 mixes and 2 providers, and their descriptors.

use std::net::SocketAddr;

use mimiq_directory::{Descriptor, Epochs, Hex32, KeyOf, Node, Policy, Role, SigningKey, Statement};
use mimiq_sphinx::SecretKey;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

pub(crate) const NETWORK: &str = "example";
pub(crate) const EPOCHS: Epochs = Epochs { genesis: 1_000_000, length: 3_600 };
pub(crate) const EPOCH: u64 = 10;
pub(crate) const NOW: u64 = EPOCHS.genesis + EPOCH * EPOCHS.length + 500;
/// Mixes 1 to 6, providers 7 and 8.
pub(crate) const NODES: std::ops::RangeInclusive<u8> = 1..=8;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Of a node, or of an authority from 101 on.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

pub(crate) fn identity(number: u8) -> Hex32 {
    key(number).public_key()
}

pub(crate) fn yaml() -> String {
    let [a, b, c, d, e, f, p, q] = [1, 2, 3, 4, 5, 6, 7, 8].map(identity);
    let [x, y, z] = [101, 102, 103].map(identity);
    format!(
        "network: example
authorities: [{x}, {y}, {z}]
threshold: 2
round: 60
epochs: {{ genesis: 1000000, length: 3600 }}
packet: {{ hops: 5, payload: 901 }}
rates: {{ mu: 2.5, lambda_p: 0.1, lambda_l: 1, lambda_d: 1, lambda_m: 0.3, pull: 2, messages_per_pull: 8 }}
layers:
- [{a}, {b}]
- [{c}, {d}]
- [{e}, {f}]
providers:
- {{ name: p7, identity: {p} }}
- {{ name: p8, identity: {q} }}
"
    )
}

pub(crate) fn policy() -> Policy {
    Policy::from_yaml(&yaml()).unwrap()
}

pub(crate) fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 1700))
}

pub(crate) fn role(number: u8) -> Role {
    match number {
        1..=6 => Role::Mix { layer: usize::from(number - 1) / 2 + 1 },
        _ => Role::Provider { name: format!("p{number}"), access: SocketAddr::from(([192, 0, 2, number], 443)) },
    }
}

/// The link key of a node.
pub(crate) fn link(number: u8) -> Hex32 {
    (*SecretKey::from_bytes([number ^ 0x55; 32]).public_key().as_bytes()).into()
}

/// What node `number` says first in epoch 10.
pub(crate) fn statement(number: u8) -> Statement {
    let key = |epoch: u64| {
        let secret = SecretKey::from_bytes([number ^ epoch as u8; 32]);
        KeyOf { epoch, key: (*secret.public_key().as_bytes()).into() }
    };
    let keys = (EPOCH..=EPOCH + 1).map(key).collect();
    let node =
        Node { identity: identity(number), address: address(number), link: link(number), role: role(number), keys };
    Statement { network: NETWORK.to_owned(), sequence: 1, node }
}

pub(crate) fn bytes(statement: &Statement, by: u8) -> Vec<u8> {
    serde_json::to_vec(&Descriptor::new(statement, &key(by)).unwrap()).unwrap()
}

pub(crate) fn descriptors() -> Vec<Vec<u8>> {
    NODES.map(|number| bytes(&statement(number), number)).collect()
}
