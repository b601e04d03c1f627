//! From a pair of nodes to the key of one start.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::{Ends, LinkError, TAG};

const LABEL: &[u8] = b"mimiq loopix link v1";

/// What two nodes, and nobody else, can compute. Kept, because it is most of the cost of a key: a forged salt then costs two hashes' time.
pub(super) struct Shared(Zeroizing<[u8; 32]>);

impl Shared {
    pub(super) fn new(secret: &[u8; 32], public: &[u8; 32]) -> Result<Self, LinkError> {
        let secret = PrivateKey::from_private_key(&X25519, secret).map_err(|_| LinkError::Library)?;
        let mut shared = Zeroizing::new([0; 32]);
        // The library refuses an all-zero product (RFC 7748 §6.1).
        agree(&secret, UnparsedPublicKey::new(&X25519, public), LinkError::PublicKey, |product| {
            shared.copy_from_slice(product);
            Ok(())
        })?;
        Ok(Self(shared))
    }

    pub(super) fn key(&self, ends: Ends, epoch: u32, salt: &[u8; 16]) -> Result<Key, LinkError> {
        let secret = Salt::new(HKDF_SHA256, salt).extract(&*self.0);
        let epoch = epoch.to_be_bytes();
        let info = [LABEL, &epoch, &ends.sender, &ends.receiver];
        let expanded = secret.expand(&info, &AES_128_GCM).map_err(|_| LinkError::Library)?;
        Ok(Key(LessSafeKey::new(UnboundKey::from(expanded))))
    }
}

pub(super) struct Key(LessSafeKey);

impl Key {
    /// Encrypts in place; the tag comes back. No counter may be used twice.
    pub(super) fn seal(&self, counter: u64, header: &[u8], packet: &mut [u8]) -> Result<[u8; TAG], LinkError> {
        let tag = self.0.seal_in_place_separate_tag(nonce(counter), Aad::from(header), packet);
        tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(LinkError::Library)
    }

    /// Decrypts a ciphertext and its tag in place. If that fails, what is in their place means nothing.
    pub(super) fn open<'a>(
        &self,
        counter: u64,
        header: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], LinkError> {
        self.0.open_in_place(nonce(counter), Aad::from(header), sealed).map_err(|_| LinkError::Forged)
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}
