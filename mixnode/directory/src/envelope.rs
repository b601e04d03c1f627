//! A text and its signatures.

use serde::{Deserialize, Serialize};

use crate::signing::{Kind, is_signed};
use crate::{Hex32, Hex64, SigningKey, State};

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

impl Envelope {
    /// The most bytes of one as JSON.
    pub const MOST_BYTES: usize = 8 << 20;

    /// Of a state that nobody has signed yet.
    ///
    /// # Errors
    /// If it cannot be written as JSON: if a rate is not a number.
    pub fn new(state: &State) -> Result<Self, serde_json::Error> {
        Ok(Self { state: serde_json::to_string_pretty(state)?, signatures: Vec::new() })
    }

    /// Adds an authority's signature. It should have opened the state before, trusting nobody: see [`crate::Trust::review`].
    pub fn sign(&mut self, key: &SigningKey) {
        let signature = key.sign(Kind::State, &self.state);
        self.signatures.retain(|other| other.authority != key.public_key());
        self.signatures.push(Signature { authority: key.public_key(), signature });
    }

    /// Whether the first signature under this authority's name is its own.
    #[must_use]
    pub fn is_signed_by(&self, authority: &Hex32) -> bool {
        let own = self.signatures.iter().find(|signature| signature.authority == *authority);
        own.is_some_and(|signature| is_signed(Kind::State, &self.state, authority, &signature.signature))
    }
}
