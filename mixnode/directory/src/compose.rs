//! From nodes' descriptors to a state, the same at every authority.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use mimiq_sphinx::PublicKey;

use crate::check::{self, Inconsistent};
use crate::{Hex32, Node, Place, Policy, Role, State, Statement, Unfit};

/// A state to be signed, and what was left out of it.
#[derive(Debug)]
pub struct Composition {
    /// It passes all checks of [`crate::Trust::open`].
    pub state: State,
    /// For logs: which descriptors, by position, do not count, and why.
    pub unfit: Vec<(usize, Unfit)>,
}

/// Why there is no state.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComposeError {
    /// States are composed in their epoch: not before nodes have the keys, and not after.
    #[error("epoch: {epoch} is not now, at {now}")]
    Epoch {
        /// The state's.
        epoch: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// Policy and descriptors do not make up a network.
    #[error("state: {0}")]
    Inconsistent(#[from] Inconsistent),
}

/// Composes the state of an epoch, which counts from its start until the end of the next. The order of descriptors, and the exact time within the
/// epoch, make no difference: authorities with the same policy and the same descriptors write the same text.
///
/// A node whose newest descriptor is unfit is left out, whatever older ones say.
///
/// # Errors
/// If it is not the time for it, or if what is left is not a network: a layer without mixes, say.
pub fn compose(
    policy: &Policy,
    descriptors: &[impl AsRef<[u8]>],
    epoch: u64,
    serial: u64,
    now: u64,
) -> Result<Composition, ComposeError> {
    let early_or_late = ComposeError::Epoch { epoch, now };
    let period = (policy.epochs.at(now) == Some(epoch)).then(|| {
        let end = policy.epochs.start(epoch.checked_add(2)?)?;
        Some((policy.epochs.start(epoch)?, end))
    });
    let (valid_after, valid_until) = period.flatten().ok_or(early_or_late)?;
    let mut unfit = Vec::new();
    let mut nodes = Vec::new();
    for (position, statement) in newest(policy, descriptors, &mut unfit) {
        match fit(statement.node, epoch) {
            Ok(node) => nodes.push((position, node)),
            Err(why) => unfit.push((position, why)),
        }
    }
    without_shared_addresses(&mut nodes, &mut unfit);
    let mut nodes: Vec<Node> = nodes.into_iter().map(|(_, node)| node).collect();
    nodes.sort_by_cached_key(|node| match &node.role {
        Role::Mix { layer } => (0, *layer, String::new(), node.identity),
        Role::Provider { name, .. } => (1, 0, name.clone(), node.identity),
    });
    unfit.sort_by_key(|(position, _)| *position);
    let Policy { network, epochs, packet, rates, .. } = policy.clone();
    let state = State { network, serial, valid_after, valid_until, epochs, packet, rates, nodes };
    check::check(&state)?;
    Ok(Composition { state, unfit })
}

/// What each admitted node said last, with its position.
fn newest(
    policy: &Policy,
    descriptors: &[impl AsRef<[u8]>],
    unfit: &mut Vec<(usize, Unfit)>,
) -> Vec<(usize, Statement)> {
    let places: HashMap<Hex32, Place> = policy.admitted().collect();
    let mut by_node: BTreeMap<Hex32, Vec<(usize, Statement)>> = BTreeMap::new();
    for (position, bytes) in descriptors.iter().enumerate() {
        match policy.admit_to(bytes.as_ref(), |identity| places.get(identity).cloned()) {
            Ok(statement) => by_node.entry(statement.node.identity).or_default().push((position, statement)),
            Err(why) => unfit.push((position, why)),
        }
    }
    let mut said_last = Vec::new();
    for (identity, statements) in by_node {
        let newest = statements.iter().map(|(_, statement)| statement.sequence).max().unwrap_or(0);
        let (mut last, old): (Vec<_>, Vec<_>) =
            statements.into_iter().partition(|(_, statement)| statement.sequence == newest);
        unfit.extend(
            old.into_iter()
                .map(|(position, Statement { sequence, .. })| (position, Unfit::Old { identity, sequence, newest })),
        );
        // The same twice is no lie: descriptors come from several others.
        last.dedup_by(|(_, one), (_, other)| one == other);
        if last.len() > 1 {
            let why = |position| (position, Unfit::Equivocation { identity, sequence: newest });
            unfit.extend(last.drain(..).map(|(position, _)| why(position)));
        }
        said_last.append(&mut last);
    }
    said_last
}

/// A node with the keys of this epoch and the next, and no others.
fn fit(mut node: Node, epoch: u64) -> Result<Node, Unfit> {
    let identity = node.identity;
    if let Some(address) = addresses(&node).find(nowhere) {
        return Err(Unfit::Address { identity, address });
    }
    node.keys.retain(|key| key.epoch == epoch || key.epoch == epoch + 1);
    node.keys.sort_by_key(|key| key.epoch);
    for key in &node.keys {
        let bad = |error| Unfit::BadKey { identity, epoch: key.epoch, error };
        PublicKey::from(key.key.0).check().map_err(bad)?;
    }
    check::link(&node).map_err(|why| Unfit::BadLink { identity, why })?;
    if let Some(twice) = node.keys.windows(2).find(|keys| keys[0].epoch == keys[1].epoch) {
        return Err(Unfit::TwoKeys { identity, epoch: twice[0].epoch });
    }
    match [epoch, epoch + 1].into_iter().find(|epoch| node.key(*epoch).is_none()) {
        Some(epoch) => Err(Unfit::NoKey { identity, epoch }),
        None => Ok(node),
    }
}

fn without_shared_addresses(nodes: &mut Vec<(usize, Node)>, unfit: &mut Vec<(usize, Unfit)>) {
    let mut claims: HashMap<SocketAddr, usize> = HashMap::new();
    for address in nodes.iter().flat_map(|(_, node)| addresses(node)) {
        *claims.entry(address).or_default() += 1;
    }
    nodes.retain(|(position, node)| {
        let shared = addresses(node).find(|address| claims.get(address).is_some_and(|claims| *claims > 1));
        let why = shared.map(|address| Unfit::SharedAddress { identity: node.identity, address });
        unfit.extend(why.map(|why| (*position, why)));
        shared.is_none()
    });
}

fn addresses(node: &Node) -> impl Iterator<Item = SocketAddr> {
    let access = match node.role {
        Role::Mix { .. } => None,
        Role::Provider { access, .. } => Some(access),
    };
    [node.address].into_iter().chain(access)
}

fn nowhere(address: &SocketAddr) -> bool {
    address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast()
}
