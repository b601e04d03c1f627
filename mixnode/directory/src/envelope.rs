//! A text and its signatures.

use ring::error::KeyRejected;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::{Hex32, Hex64, State};

/// No signature of an authority over something else counts for a state.
const DOMAIN: &[u8] = b"mimiq loopix state 1\0";

/// What is published: the signed text, exactly as it was signed, and who signed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// A [`State`] as JSON.
    pub state: String,
    /// Of authorities.
    pub signatures: Vec<Signature>,
}

/// An authority's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Whose.
    pub authority: Hex32,
    /// Ed25519 (RFC 8032).
    pub signature: Hex64,
}

/// An authority's secret.
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
}

impl Envelope {
    /// Of a state that nobody has signed yet.
    ///
    /// # Errors
    /// If it cannot be written as JSON: if a rate is not a number.
    pub fn new(state: &State) -> Result<Self, serde_json::Error> {
        Ok(Self { state: serde_json::to_string_pretty(state)?, signatures: Vec::new() })
    }

    /// Adds an authority's signature. It should have opened the state before, trusting nobody: see [`crate::Trust::review`].
    pub fn sign(&mut self, key: &SigningKey) {
        let mut signature = [0; 64];
        let signed = key.0.sign(&message(&self.state));
        signature.iter_mut().zip(signed.as_ref()).for_each(|(to, from)| *to = *from);
        self.signatures.retain(|other| other.authority != key.public_key());
        self.signatures.push(Signature { authority: key.public_key(), signature: signature.into() });
    }

    pub(crate) fn is_signed_by(&self, authority: &Hex32) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, authority.0);
        let mut own = self.signatures.iter().filter(|signature| signature.authority == *authority);
        own.any(|signature| key.verify(&message(&self.state), &signature.signature.0).is_ok())
    }
}

fn message(state: &str) -> Vec<u8> {
    [DOMAIN, state.as_bytes()].concat()
}
