//! Who is left out of a state.

use std::net::SocketAddr;

use mimiq_sphinx::KeyError;

use crate::{BadLink, DescriptorError, Hex32, Place};

/// Why a descriptor does not count.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] DescriptorError),
    /// For another network.
    #[error("network: {0:?} is another one")]
    Network(String),
    /// Nobody admitted the node.
    #[error("identity: {0} is not admitted")]
    NotAdmitted(Hex32),
    /// The node was admitted as something else.
    #[error("role: {identity} claims to be {claimed}, but is admitted as {admitted}")]
    Misplaced {
        /// Whose.
        identity: Hex32,
        /// By itself.
        claimed: Place,
        /// By the policy.
        admitted: Place,
    },
    /// The node has said something newer.
    #[error("sequence: {sequence} of {identity} is older than {newest}")]
    Old {
        /// Whose.
        identity: Hex32,
        /// This one's.
        sequence: u64,
        /// The largest one.
        newest: u64,
    },
    /// The node said two things with one number, so that neither counts.
    #[error("sequence: two different descriptors of {identity} have {sequence}")]
    Equivocation {
        /// Whose.
        identity: Hex32,
        /// Of both.
        sequence: u64,
    },
    /// A key is missing, so that the node could not be used as long as the state counts.
    #[error("keys: {identity} has no key for epoch {epoch}")]
    NoKey {
        /// Whose.
        identity: Hex32,
        /// Which.
        epoch: u64,
    },
    /// More than one key for an epoch.
    #[error("keys: {identity} has two keys for epoch {epoch}")]
    TwoKeys {
        /// Whose.
        identity: Hex32,
        /// Which.
        epoch: u64,
    },
    /// A key is none.
    #[error("keys: {identity}, epoch {epoch}: {error}")]
    BadKey {
        /// Whose.
        identity: Hex32,
        /// Which.
        epoch: u64,
        /// Why.
        error: KeyError,
    },
    /// Its link key is none, or one for packets.
    #[error("link: {identity}: {why}")]
    BadLink {
        /// Whose.
        identity: Hex32,
        /// Why.
        why: BadLink,
    },
    /// Nothing can be sent there.
    #[error("address: {address} of {identity} cannot be reached")]
    Address {
        /// Whose.
        identity: Hex32,
        /// The address.
        address: SocketAddr,
    },
    /// Several nodes claim one address. Nobody can tell whose it is, so that none of them counts.
    #[error("address: {address} of {identity} is claimed twice")]
    SharedAddress {
        /// Whose.
        identity: Hex32,
        /// The address.
        address: SocketAddr,
    },
}
