//! From secrets to the keys of a payload's two boxes.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::TAG;

const PROTOCOL: &[u8] = b"mimiq loopix payload v1";

/// The product, unless it is zero (RFC 7748 §6.1): the library sees to that.
pub(super) fn exchange(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let secret = PrivateKey::from_private_key(&X25519, secret).ok()?;
    let mut shared = Zeroizing::new([0; 32]);
    agree(&secret, UnparsedPublicKey::new(&X25519, public), (), |product| {
        shared.copy_from_slice(product);
        Ok(())
    })
    .ok()?;
    Some(shared)
}

/// SHA-256 of all that both ends have seen so far. It goes into each key as HKDF's salt, and into each box as associated data.
#[derive(Clone, Copy)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    pub(super) fn new(recipient: &[u8; 32], representative: &[u8; 32]) -> Self {
        let mut hash = Sha256::new_with_prefix(PROTOCOL);
        hash.update(recipient);
        hash.update(representative);
        Self(hash.finalize().into())
    }

    pub(super) fn then(self, sealed: &[u8]) -> Self {
        let mut hash = Sha256::new_with_prefix(self.0);
        hash.update(sealed);
        Self(hash.finalize().into())
    }

    /// The key of a box. Each seals one text, so its nonce is zero.
    fn key(&self, secret: &[u8]) -> Option<LessSafeKey> {
        let secret = Salt::new(HKDF_SHA256, &self.0).extract(secret);
        let expanded = secret.expand(&[PROTOCOL], &CHACHA20_POLY1305).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(expanded)))
    }

    /// Encrypts all but the last 16 bytes, which become the tag.
    pub(super) fn seal(&self, secret: &[u8], sealed: &mut [u8]) -> Option<()> {
        let (text, to) = sealed.split_last_chunk_mut::<TAG>()?;
        let tag = self.key(secret)?.seal_in_place_separate_tag(nonce(), Aad::from(&self.0), text).ok()?;
        to.copy_from_slice(tag.as_ref());
        Some(())
    }

    /// Decrypts what the tag at its end fits.
    pub(super) fn open<'a>(&self, secret: &[u8], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.key(secret)?.open_in_place(nonce(), Aad::from(&self.0), sealed).ok()
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
