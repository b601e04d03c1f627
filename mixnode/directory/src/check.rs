//! Whether a state can be a network's.

use std::collections::HashSet;

use mimiq_sphinx::{Geometry, GeometryError, KeyError, PublicKey};

use crate::{Hex32, Node, Packet, Rates, Role, State};

/// The most nodes.
const MOST_NODES: usize = 10_000;
/// The most epochs that a state may reach over: each node has a key for each of them.
const MOST_EPOCHS: u64 = 16;

/// Why a state cannot be a network's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Inconsistent {
    /// A value of its own is out of range.
    #[error("{field}: {value} is not {wanted}")]
    Value {
        /// Which.
        field: &'static str,
        /// What is there.
        value: String,
        /// What may be.
        wanted: &'static str,
    },
    /// Packets of this kind cannot be.
    #[error("packet: {0}")]
    Packet(#[from] GeometryError),
    /// Two nodes share what only one may have.
    #[error("nodes: {field} {value} twice")]
    Twice {
        /// What.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A layer between the first and the last has no mix.
    #[error("nodes: no mix in layer {layer} of {layers}")]
    EmptyLayer {
        /// Which.
        layer: usize,
        /// The last one.
        layers: usize,
    },
    /// A node's key is missing.
    #[error("nodes: {identity} has no key for epoch {epoch}")]
    NoKey {
        /// The node.
        identity: Hex32,
        /// The epoch.
        epoch: u64,
    },
    /// A node's link key is no key, or one for packets.
    #[error("nodes: {identity}, link: {why}")]
    BadLink {
        /// The node.
        identity: Hex32,
        /// Why.
        why: BadLink,
    },
    /// A node's key is no key.
    #[error("nodes: {identity}, epoch {epoch}: {error}")]
    BadKey {
        /// The node.
        identity: Hex32,
        /// The epoch.
        epoch: u64,
        /// Why.
        error: KeyError,
    },
}

/// Why a link key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Whoever opens links could open packets with it.
    #[error("the same as the key for packets of epoch {0}")]
    Shared(u64),
}

/// Whether a node can have its link key.
pub(crate) fn link(node: &Node) -> Result<(), BadLink> {
    PublicKey::from(node.link.0).check()?;
    match node.keys.iter().find(|key| key.key == node.link) {
        Some(shared) => Err(BadLink::Shared(shared.epoch)),
        None => Ok(()),
    }
}

fn ensure(holds: bool, field: &'static str, value: impl ToString, wanted: &'static str) -> Result<(), Inconsistent> {
    if holds { Ok(()) } else { Err(Inconsistent::Value { field, value: value.to_string(), wanted }) }
}

/// By what clients multiply their loops at most, under attack.
pub const MOST_COVER: f64 = 4.0;
// As the message of a refusal says below.
const _: () = assert!(MOST_COVER == 4.0);

/// The packets' sizes and the number of layers, if all is well.
pub(crate) fn check(state: &State) -> Result<(Geometry, usize), Inconsistent> {
    let State { network, valid_after, valid_until, epochs, packet, nodes, .. } = state;
    ensure((1..=64).contains(&network.chars().count()), "network", format!("{network:?}"), "1 to 64 characters")?;
    ensure(valid_after < valid_until, "valid_until", valid_until, "later than valid_after")?;
    ensure(epochs.length > 0, "epochs.length", epochs.length, "at least a second")?;
    ensure(epochs.genesis <= *valid_after, "epochs.genesis", epochs.genesis, "at or before valid_after")?;
    // At valid_until it counts no more, so that an epoch which begins then needs no keys.
    let (first, last) = (epochs.at(*valid_after).unwrap_or(0), epochs.at(*valid_until - 1).unwrap_or(0));
    ensure(last - first < MOST_EPOCHS, "valid_until", valid_until, "within 16 epochs of valid_after")?;
    let geometry = traffic(packet, &state.rates)?;
    ensure(nodes.len() <= MOST_NODES, "nodes", nodes.len(), "at most 10000")?;
    let layers = layers(nodes)?;
    ensure(layers + 2 <= packet.hops, "packet.hops", packet.hops, "enough for all layers and two providers")?;
    unique("identity", nodes.iter().map(|node| node.identity))?;
    unique("id", nodes.iter().map(|node| crate::hex::Bytes(node.id())))?;
    let access = nodes.iter().filter_map(|node| match &node.role {
        Role::Provider { access, .. } => Some(*access),
        Role::Mix { .. } => None,
    });
    unique("address", nodes.iter().map(|node| node.address).chain(access))?;
    for node in nodes {
        keys(node, first, last)?;
    }
    Ok((geometry, layers))
}

/// What all packets have in common: their sizes, if these and the rates can be.
pub(crate) fn traffic(packet: &Packet, rates: &Rates) -> Result<Geometry, Inconsistent> {
    let geometry = Geometry::new(packet.hops, packet.payload)?;
    for (field, rate) in [
        ("rates.mu", rates.mu),
        ("rates.lambda_p", rates.lambda_p),
        ("rates.lambda_l", rates.lambda_l),
        ("rates.lambda_d", rates.lambda_d),
        ("rates.lambda_m", rates.lambda_m),
        ("rates.pull", rates.pull),
    ] {
        ensure((1e-6..=1e6).contains(&rate), field, rate, "between 0.000001 and 1000000 per second")?;
    }
    ensure(
        (1..=1024).contains(&rates.messages_per_pull),
        "rates.messages_per_pull",
        rates.messages_per_pull,
        "1 to 1024",
    )?;
    // Else clients would take the loops that wait at their providers for lost, raise the alarm, and send still more of them.
    ensure(
        rates.pull * f64::from(rates.messages_per_pull) >= MOST_COVER * rates.lambda_l,
        "rates.pull",
        rates.pull,
        "enough: pull × messages_per_pull must be at least 4 × lambda_l, a client's loops under attack",
    )?;
    Ok(geometry)
}

/// How many there are.
fn layers(nodes: &[Node]) -> Result<usize, Inconsistent> {
    let of: HashSet<usize> = nodes.iter().filter_map(Node::layer).collect();
    let layers = of.iter().copied().max().unwrap_or(0);
    ensure((1..=Geometry::MOST_HOPS).contains(&layers), "nodes", layers, "1 to 10 layers")?;
    ensure(!of.contains(&0), "nodes.role.layer", 0, "1 or more")?;
    if let Some(layer) = (1..=layers).find(|layer| !of.contains(layer)) {
        return Err(Inconsistent::EmptyLayer { layer, layers });
    }
    let names = nodes.iter().filter_map(|node| match &node.role {
        Role::Provider { name, .. } => Some(name),
        Role::Mix { .. } => None,
    });
    for name in names.clone() {
        let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let wanted = "1 to 32 lower-case letters, digits, and hyphens";
        ensure(fits && (1..=32).contains(&name.len()), "nodes.role.name", format!("{name:?}"), wanted)?;
    }
    ensure(names.clone().count() > 0, "nodes", "no provider", "a network")?;
    unique("provider name", names)?;
    Ok(layers)
}

fn unique<T: std::hash::Hash + Eq + ToString>(
    field: &'static str,
    values: impl Iterator<Item = T>,
) -> Result<(), Inconsistent> {
    let mut seen = HashSet::new();
    for value in values {
        let text = value.to_string();
        if !seen.insert(value) {
            return Err(Inconsistent::Twice { field, value: text });
        }
    }
    Ok(())
}

fn keys(node: &Node, first: u64, last: u64) -> Result<(), Inconsistent> {
    let identity = node.identity;
    link(node).map_err(|why| Inconsistent::BadLink { identity, why })?;
    unique("key of epoch", node.keys.iter().map(|key| key.epoch))?;
    for key in &node.keys {
        let bad = |error| Inconsistent::BadKey { identity, epoch: key.epoch, error };
        PublicKey::from(key.key.0).check().map_err(bad)?;
    }
    match (first..=last).find(|epoch| node.key(*epoch).is_none()) {
        Some(epoch) => Err(Inconsistent::NoKey { identity, epoch }),
        None => Ok(()),
    }
}
