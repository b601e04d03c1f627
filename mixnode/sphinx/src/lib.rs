//! Sphinx packets (Danezis and Goldberg, 2009) as Loopix uses them (Loopix §3.2): each hop learns a delay, a flag and the next
//! hop, and nothing else. Pure: randomness is an argument, and there is no I/O.
//!
//! A packet, by default 1,136 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version |
//! | 1 | the low byte of the epoch whose keys were used |
//! | 32 | α, a point of Curve25519, blinded at each hop |
//! | 16 | γ, the authentication code of version, epoch and β |
//! | 37 × hops | β, the encrypted blocks of this hop and those after it |
//! | the rest | δ, the payload under one layer of LIONESS for each hop to come |
//!
//! All sizes are the same at every hop. The payload has no check of its own: a changed one becomes random, which is for its recipient
//! to notice. So a provider cannot tell a reply from a message, nor a loop from either.

mod build;
mod dh;
mod exponent;
mod geometry;
mod hash;
mod header;
mod keys;
mod lioness;
mod schedule;
mod surb;
mod unwrap;
mod wire;

pub use build::{BuildError, Destination, Hop, Order, build, build_batch};
pub use geometry::{Geometry, GeometryError};
pub use keys::{KeyError, NodeKey, PublicKey, SecretKey};
pub use surb::{ReplyError, ReplyKeys, build_surb, reply};
pub use unwrap::{Action, Malformed, Unwrapped, Unwrapper, payload};

/// A node's name: 16 bytes that the directory gives a meaning.
pub type NodeId = [u8; 16];

/// How the scalar multiplications of [`Unwrapper`] and [`build_batch`] are done on this machine: `avx512ifma`, `avx512` (without IFMA) or `aws-lc`.
#[must_use]
pub fn backend() -> &'static str {
    dh::backend()
}

/// How many packets [`build_batch`] is best given at once on this machine: where eight lanes share its work, several times eight, as the tables of
/// the nodes' keys are then in the cache from the second eight on; elsewhere one, as a packet takes as long whatever it is built with.
#[must_use]
pub fn best_batch() -> usize {
    if dh::has_lanes() { 4 * dh::LANES } else { 1 }
}
