//! What a node says of itself.

use serde::{Deserialize, Serialize};

use crate::signing::{Kind, is_signed};
use crate::{Hex64, Node, SigningKey};

/// The most bytes of a descriptor: room for many more keys than a state can use.
const MOST_BYTES: usize = 16 << 10;

/// What a node sends to the authorities: a text and its identity's signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// A [`Statement`] as JSON, exactly as it was signed.
    pub statement: String,
    /// Ed25519 (RFC 8032), by the identity key of the node in the statement.
    pub signature: Hex64,
}

/// What it signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The network that it wants to be in.
    pub network: String,
    /// Grows with each of a node's statements: the largest counts.
    pub sequence: u64,
    /// Itself.
    pub node: Node,
}

/// Why bytes are no descriptor.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// Larger than any can be.
    #[error("descriptor: {0} bytes are more than {MOST_BYTES}")]
    Size(usize),
    /// Not a descriptor.
    #[error("descriptor: {0}")]
    Descriptor(serde_json::Error),
    /// The text is no statement.
    #[error("statement: {0}")]
    Statement(serde_json::Error),
    /// Not by the node that it speaks of.
    #[error("signature: {0} is not of the identity in the statement")]
    Signature(Hex64),
}

impl Descriptor {
    /// Signs a statement with the key of the identity in it: with another's, nobody reads it.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn new(statement: &Statement, key: &SigningKey) -> Result<Self, serde_json::Error> {
        let statement = serde_json::to_string(statement)?;
        let signature = key.sign(Kind::Descriptor, &statement);
        Ok(Self { statement, signature })
    }

    /// Reads what claims to be a descriptor. It says nothing about whether the node is wanted: that is for [`crate::compose`].
    ///
    /// # Errors
    /// If it is too large, malformed, or not signed by the node that it speaks of.
    pub fn open(bytes: &[u8]) -> Result<Statement, DescriptorError> {
        if bytes.len() > MOST_BYTES {
            return Err(DescriptorError::Size(bytes.len()));
        }
        let Self { statement: text, signature } = serde_json::from_slice(bytes).map_err(DescriptorError::Descriptor)?;
        let statement: Statement = serde_json::from_str(&text).map_err(DescriptorError::Statement)?;
        if is_signed(Kind::Descriptor, &text, &statement.node.identity, &signature) {
            Ok(statement)
        } else {
            Err(DescriptorError::Signature(signature))
        }
    }
}
