//! A network of 3 layers of 2 mixes, 4 providers, 3 authorities.

use mimiq_directory::{Envelope, Epochs, Hex32, KeyOf, Node, Packet, Rates, Role, SigningKey, State, Trust};
use mimiq_sphinx::SecretKey;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

pub(crate) const NETWORK: &str = "example";
/// In epoch 10.
pub(crate) const NOW: u64 = 1_000_000 + 36_500;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn hex(byte: u8) -> Hex32 {
    [byte; 32].into()
}

pub(crate) fn authority(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

/// `threshold` of three.
pub(crate) fn trust(threshold: usize) -> Trust {
    Trust::new((1..=3).map(|number| authority(number).public_key()).collect(), threshold).unwrap()
}

/// The link key of a node.
pub(crate) fn link(number: u8) -> Hex32 {
    (*SecretKey::from_bytes([number ^ 0x55; 32]).public_key().as_bytes()).into()
}

fn node(number: u8, role: Role) -> Node {
    let key = |epoch| {
        let mut secret = [number; 32];
        secret[1] = epoch as u8;
        let key = SecretKey::from_bytes(secret).public_key();
        KeyOf { epoch, key: (*key.as_bytes()).into() }
    };
    let address = format!("192.0.2.{number}:1700").parse().unwrap();
    Node { identity: hex(number), address, link: link(number), role, keys: (10..=12).map(key).collect() }
}

pub(crate) fn state() -> State {
    let mixes = (0..6).map(|number| node(number + 1, Role::Mix { layer: usize::from(number / 2) + 1 }));
    let providers = (0..4).map(|number| {
        let access = format!("192.0.2.{}:443", number + 11).parse().unwrap();
        node(number + 11, Role::Provider { name: format!("p{number}"), access })
    });
    State {
        network: NETWORK.to_owned(),
        serial: 5,
        valid_after: NOW - 100,
        valid_until: NOW + 3_600,
        epochs: Epochs { genesis: 1_000_000, length: 3_600 },
        packet: Packet { hops: 5, payload: 901 },
        rates: Rates {
            mu: 2.0,
            lambda_p: 1.0,
            lambda_l: 1.0,
            lambda_d: 1.0,
            lambda_m: 1.0,
            pull: 2.0,
            messages_per_pull: 8,
        },
        nodes: mixes.chain(providers).collect(),
    }
}

/// Signed by these authorities.
pub(crate) fn signed(state: &State, by: &[u8]) -> Envelope {
    let mut envelope = Envelope::new(state).unwrap();
    by.iter().for_each(|number| envelope.sign(&authority(*number)));
    envelope
}

pub(crate) fn bytes(envelope: &Envelope) -> Vec<u8> {
    serde_json::to_vec(envelope).unwrap()
}
