//! What a hop derives from the secret it shares with the packet's builder.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::lioness;

type Stream = Ctr128BE<Aes256>;

const DOMAIN: &[u8] = b"mimiq sphinx 1 hop";
const REPLY: &[u8] = b"mimiq sphinx 1 reply";

/// All keys of a hop: SHA-256 of the secret is the key of AES-256-CTR, whose output is cut into them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Schedule {
    pub(crate) tag: [u8; 16],
    /// Clamped, so that whatever torsion α carries goes no further.
    pub(crate) blinding: [u8; 32],
    pub(crate) payload: lioness::Keys,
    mac: [u8; 32],
    header: [u8; 32],
}

impl Schedule {
    /// From the shared secret.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let mut all = [0; 16 + 32 + 32 + 32 + lioness::KEYS];
        keystream(DOMAIN, secret, &mut all);
        let mut schedule = Self {
            tag: cut(&all, 0),
            blinding: cut(&all, 16),
            mac: cut(&all, 48),
            header: cut(&all, 80),
            payload: lioness::Keys::new(&cut(&all, 112)),
        };
        schedule.blinding[0] &= 248;
        schedule.blinding[31] = schedule.blinding[31] & 127 | 64;
        all.zeroize();
        schedule
    }

    /// γ.
    pub(crate) fn authenticate(&self, version: u8, epoch: u8, beta: &[u8]) -> [u8; 16] {
        // The length is fixed and the output cut: nothing can be appended to what is hashed behind the key.
        let mut code = Sha256::new_with_prefix(self.mac);
        code.update([version, epoch]);
        code.update(beta);
        cut(code.finalize().as_slice(), 0)
    }

    /// Encrypts or decrypts β.
    pub(crate) fn apply(&self, beta: &mut [u8]) {
        Stream::new(&self.header.into(), &[0; 16].into()).apply_keystream(beta);
    }
}

/// The payload keys of a reply block.
pub(crate) fn reply_keys(secret: &[u8; 32]) -> lioness::Keys {
    let mut all = [0; lioness::KEYS];
    keystream(REPLY, secret, &mut all);
    let keys = lioness::Keys::new(&all);
    all.zeroize();
    keys
}

/// AES-256-CTR with a key that is used for nothing else: the hash of a secret.
fn keystream(domain: &[u8], secret: &[u8; 32], all: &mut [u8]) {
    let mut hash = Sha256::new_with_prefix(domain);
    hash.update(secret);
    let mut key: [u8; 32] = hash.finalize().into();
    Stream::new(&key.into(), &[0; 16].into()).apply_keystream(all);
    key.zeroize();
}

fn cut<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    crate::wire::array(&from[at..at + N])
}
