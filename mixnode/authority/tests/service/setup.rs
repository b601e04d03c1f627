//! Authorities, a policy for 3 layers of 2 mixes and 2 providers, and descriptors.

use std::net::SocketAddr;

use mimiq_directory::{Descriptor, Epochs, Hex32, KeyOf, Node, Policy, Role, SigningKey, Statement, Trust};
use mimiq_sphinx::SecretKey;

pub(crate) const NETWORK: &str = "example";
/// Mixes 1 to 6, providers 7 and 8.
pub(crate) const NODES: std::ops::RangeInclusive<u8> = 1..=8;

/// Of a node, or of an authority from 101 on.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32]).unwrap()
}

pub(crate) fn identity(number: u8) -> Hex32 {
    key(number).public_key()
}

/// Authorities from 101 on.
pub(crate) fn yaml(authorities: u8, threshold: usize, round: u64, epochs: Epochs) -> String {
    let keys: Vec<String> = (0..authorities).map(|number| identity(101 + number).to_string()).collect();
    let [a, b, c, d, e, f, p, q] = [1, 2, 3, 4, 5, 6, 7, 8].map(identity);
    format!(
        "network: {NETWORK}
authorities: [{}]
threshold: {threshold}
round: {round}
epochs: {{ genesis: {}, length: {} }}
packet: {{ hops: 5, payload: 901 }}
rates: {{ mu: 2.5, lambda_p: 0.1, lambda_l: 1, lambda_d: 1, lambda_m: 0.3, pull: 2, messages_per_pull: 8 }}
layers: [[{a}, {b}], [{c}, {d}], [{e}, {f}]]
providers: [{{ name: p7, identity: {p} }}, {{ name: p8, identity: {q} }}]
",
        keys.join(", "),
        epochs.genesis,
        epochs.length
    )
}

pub(crate) fn policy(authorities: u8, threshold: usize, round: u64, epochs: Epochs) -> Policy {
    Policy::from_yaml(&yaml(authorities, threshold, round, epochs)).unwrap()
}

pub(crate) fn trust(policy: &Policy) -> Trust {
    Trust::new(policy.authorities.clone(), policy.threshold).unwrap()
}

/// What a node says, with keys for some epochs.
pub(crate) fn statement(number: u8, sequence: u64, epochs: std::ops::Range<u64>) -> Statement {
    let public = |secret| (*SecretKey::from_bytes(secret).public_key().as_bytes()).into();
    let key = |epoch: u64| {
        let mut secret = [number; 32];
        secret[1..9].copy_from_slice(&epoch.to_le_bytes());
        KeyOf { epoch, key: public(secret) }
    };
    let role = match number {
        1..=6 => Role::Mix { layer: usize::from(number - 1) / 2 + 1 },
        _ => Role::Provider { name: format!("p{number}"), access: SocketAddr::from(([192, 0, 2, number], 443)) },
    };
    let address = SocketAddr::from(([192, 0, 2, number], 1700));
    let node = Node {
        identity: identity(number),
        address,
        link: public([number ^ 0x55; 32]),
        role,
        keys: epochs.map(key).collect(),
    };
    Statement { network: NETWORK.to_owned(), sequence, node }
}

pub(crate) fn descriptor(statement: &Statement) -> Descriptor {
    let number = NODES.chain(9..100).find(|number| identity(*number) == statement.node.identity).unwrap();
    Descriptor::new(statement, &key(number)).unwrap()
}
