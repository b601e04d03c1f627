//! LIONESS (Anderson and Biham, 1996), a cipher whose block is the whole payload: whoever changes a bit of it changes all of
//! them. Its stream cipher is AES-256-CTR, its keyed hash SHA-256.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of key.
pub(crate) const KEYS: usize = 128;

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

    /// A block is longer than 32 bytes ([`crate::Geometry`] sees to it); a shorter one stays as it is.
    pub(crate) fn encrypt(&self, block: &mut [u8]) {
        if let Some((left, right)) = block.split_first_chunk_mut::<32>() {
            stream(left, &self.0[0], right);
            hash(&self.0[1], right, left);
            stream(left, &self.0[2], right);
            hash(&self.0[3], right, left);
        }
    }

    /// The same backwards.
    pub(crate) fn decrypt(&self, block: &mut [u8]) {
        if let Some((left, right)) = block.split_first_chunk_mut::<32>() {
            hash(&self.0[3], right, left);
            stream(left, &self.0[2], right);
            hash(&self.0[1], right, left);
            stream(left, &self.0[0], right);
        }
    }
}

/// right ← right ⊕ S(left ⊕ key)
fn stream(left: &[u8; 32], key: &[u8; 32], right: &mut [u8]) {
    let mut mixed = *left;
    mixed.iter_mut().zip(key).for_each(|(mixed, key)| *mixed ^= key);
    // All of the left side goes into the key: in the counter's start it would only shift the stream.
    Ctr128BE::<Aes256>::new(&mixed.into(), &[0; 16].into()).apply_keystream(right);
}

/// left ← left ⊕ H(key, right)
fn hash(key: &[u8; 32], right: &[u8], left: &mut [u8; 32]) {
    let mut digest = Sha256::new_with_prefix(key);
    digest.update(right);
    left.iter_mut().zip(digest.finalize()).for_each(|(left, digest)| *left ^= digest);
}
