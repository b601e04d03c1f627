//! LIONESS (Anderson and Biham, 1996), a cipher whose block is the whole payload: whoever changes a bit of it changes all of
//! them. Its stream cipher is AES-256-CTR, its keyed hash SHA-256.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::hash::{LANES, keyed};

/// Bytes of key.
pub(crate) const KEYS: usize = 128;
/// Bytes of a block's smaller side.
const LEFT: usize = 32;

/// Four keys, one for each round.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys([[u8; 32]; 4]);

impl Keys {
    pub(crate) fn new(bytes: &[u8; KEYS]) -> Self {
        let mut keys = [[0; 32]; 4];
        for (key, bytes) in keys.iter_mut().zip(bytes.chunks_exact(32)) {
            key.copy_from_slice(bytes);
        }
        Self(keys)
    }
}

/// Blocks, each with its keys. A block is longer than 32 bytes ([`crate::Geometry`] sees to it); a shorter one stays as it is.
/// Eight at once are the fastest.
pub(crate) fn encrypt(blocks: &mut [(&Keys, &mut [u8])]) {
    stream(0, blocks);
    hash(1, blocks);
    stream(2, blocks);
    hash(3, blocks);
}

/// The same backwards.
pub(crate) fn decrypt(blocks: &mut [(&Keys, &mut [u8])]) {
    hash(3, blocks);
    stream(2, blocks);
    hash(1, blocks);
    stream(0, blocks);
}

/// right ← right ⊕ S(left ⊕ key)
fn stream(round: usize, blocks: &mut [(&Keys, &mut [u8])]) {
    for (keys, block) in blocks {
        let Some((left, right)) = block.split_first_chunk_mut::<LEFT>() else { continue };
        let mut mixed = *left;
        mixed.iter_mut().zip(keys.0[round]).for_each(|(mixed, key)| *mixed ^= key);
        // All of the left side goes into the key: in the counter's start it would only shift the stream.
        Ctr128BE::<Aes256>::new(&mixed.into(), &[0; 16].into()).apply_keystream(right);
    }
}

/// left ← left ⊕ H(key, right)
fn hash(round: usize, blocks: &mut [(&Keys, &mut [u8])]) {
    for blocks in blocks.chunks_mut(LANES) {
        let texts: Vec<(&[u8; 32], &[u8])> =
            blocks.iter().map(|(keys, block)| (&keys.0[round], block.get(LEFT..).unwrap_or_default())).collect();
        let digests = keyed(&texts);
        for ((_, block), digest) in blocks.iter_mut().zip(digests) {
            if let Some(left) = block.first_chunk_mut::<LEFT>() {
                left.iter_mut().zip(digest).for_each(|(left, digest)| *left ^= digest);
            }
        }
    }
}
