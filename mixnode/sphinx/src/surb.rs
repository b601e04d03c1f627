//! Single-use reply blocks: a header that its maker built, for whoever is to answer without knowing where to.
//!
//! A block has no field that says it was used. The replay tags of its header see to it that only the first reply arrives.

use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::schedule::{Schedule, reply_keys};
use crate::{BuildError, Destination, Geometry, Hop, NodeId, header, lioness};

/// What the maker of a reply block keeps, to read the reply.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ReplyKeys {
    hops: Vec<Schedule>,
    secret: [u8; 32],
}

/// Why a reply cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Of another network, or cut.
    #[error("reply block: {length} bytes instead of {wanted}")]
    Block {
        /// Given.
        length: usize,
        /// Needed.
        wanted: usize,
    },
    /// Payload or packet do not have their size.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Builds a reply block: the name of the first hop (16 bytes), a header, the key for the payload (32 bytes); and what opens the reply.
///
/// # Errors
/// As [`crate::build`]; a block's path has at least one hop.
pub fn build_surb(
    geometry: &Geometry,
    epoch: u8,
    path: &[Hop<'_>],
    destination: &Destination,
    rng: &mut impl CryptoRng,
) -> Result<(Vec<u8>, ReplyKeys), BuildError> {
    let mut block = vec![0; geometry.surb_len()];
    let (first, rest) = block.split_at_mut(16);
    let (head, key) = rest.split_at_mut(geometry.header_len());
    let hops = header::build(geometry, epoch, path, destination, rng, head)?;
    first.iter_mut().zip(path.iter().flat_map(|hop| hop.node)).for_each(|(to, from)| *to = from);
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    key.copy_from_slice(&secret);
    Ok((block, ReplyKeys { hops, secret }))
}

/// Builds the packet that answers, and says to which node it is to be sent.
///
/// # Errors
/// If the block, the payload or the packet's buffer does not have its size.
pub fn reply(geometry: &Geometry, block: &[u8], payload: &[u8], packet: &mut [u8]) -> Result<NodeId, ReplyError> {
    if block.len() != geometry.surb_len() {
        return Err(ReplyError::Block { length: block.len(), wanted: geometry.surb_len() });
    }
    if payload.len() != geometry.payload_len() {
        return Err(BuildError::Payload { length: payload.len(), wanted: geometry.payload_len() }.into());
    }
    if packet.len() != geometry.packet_len() {
        return Err(BuildError::Packet { length: packet.len(), wanted: geometry.packet_len() }.into());
    }
    let (first, rest) = block.split_at(16);
    let (head, key) = rest.split_at(geometry.header_len());
    let (to, body) = packet.split_at_mut(geometry.header_len());
    to.copy_from_slice(head);
    body.copy_from_slice(payload);
    lioness::encrypt(&mut [(&reply_keys(&crate::wire::array(key)), body)]);
    Ok(crate::wire::array(first))
}

impl ReplyKeys {
    /// Turns a payload that arrived with the block's name into what was sent. What was changed on the way comes out random.
    pub fn open(&self, payload: &mut [u8]) {
        // Every hop took off a layer that nobody had put on.
        for hop in self.hops.iter().rev() {
            lioness::encrypt(&mut [(&hop.payload, &mut *payload)]);
        }
        lioness::decrypt(&mut [(&reply_keys(&self.secret), payload)]);
    }
}

impl std::fmt::Debug for ReplyKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyKeys(..)")
    }
}
