//! Ed25519 (RFC 8032) over texts, each kind under a name of its own.

use ring::error::KeyRejected;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::{Hex32, Hex64};

/// What is signed: no signature over one kind of text counts for another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// By authorities.
    State,
    /// By nodes.
    Descriptor,
}

/// An authority's secret, or that of a node's identity.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// From 32 random bytes.
    ///
    /// # Errors
    /// If the library refuses them.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyRejected> {
        Ok(Self(Ed25519KeyPair::from_seed_unchecked(seed)?))
    }

    /// What others know of it.
    #[must_use]
    pub fn public_key(&self) -> Hex32 {
        let mut key = [0; 32];
        key.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        key.into()
    }

    pub(crate) fn sign(&self, kind: Kind, text: &str) -> Hex64 {
        let mut signature = [0; 64];
        let signed = self.0.sign(&message(kind, text));
        signature.iter_mut().zip(signed.as_ref()).for_each(|(to, from)| *to = *from);
        signature.into()
    }
}

pub(crate) fn is_signed(kind: Kind, text: &str, by: &Hex32, signature: &Hex64) -> bool {
    UnparsedPublicKey::new(&ED25519, by.0).verify(&message(kind, text), &signature.0).is_ok()
}

fn message(kind: Kind, text: &str) -> Vec<u8> {
    let name: &[u8] = match kind {
        Kind::State => b"mimiq loopix state 1\0",
        Kind::Descriptor => b"mimiq loopix descriptor 1\0",
    };
    [name, text.as_bytes()].concat()
}
