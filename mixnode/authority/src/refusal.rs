//! Why an authority does not sign.

use mimiq_directory::{ComposeError, Hex32};

/// Why there is nothing to propose, or to compare a proposal with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoDraft {
    /// Policy and descriptors do not make up a network, or none has begun.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// It cannot be written.
    #[error("state: {0}")]
    Json(String),
}

/// Why a proposal is not signed.
#[derive(Debug, thiserror::Error)]
pub enum Reluctance {
    /// Not a state.
    #[error("state: {0}")]
    Malformed(serde_json::Error),
    /// Of another round.
    #[error("serial: {serial} is neither {now}, whose round it is, nor the one before")]
    Serial {
        /// Of the proposal.
        serial: u64,
        /// Of this round.
        now: u64,
    },
    /// It is another's turn.
    #[error("signatures: {serial} is not signed by its proposer {proposer}")]
    Proposer {
        /// Of the proposal.
        serial: u64,
        /// Whose turn it is.
        proposer: Hex32,
    },
    /// What was signed since is newer.
    #[error("serial: {serial} is older than {signed}, which is signed already")]
    Older {
        /// Of the proposal.
        serial: u64,
        /// Of what was signed last.
        signed: u64,
    },
    /// Another text was signed with this serial. The proposer lies, or has forgotten what it proposed.
    #[error("serial: another text was signed with {0}")]
    Another(u64),
    /// There is nothing to compare it with.
    #[error(transparent)]
    NoDraft(#[from] NoDraft),
    /// From the descriptors that are known here another text follows: some are not here yet, or not there, or the policies are different.
    #[error("state: the proposal with serial {0} is not what follows from policy and descriptors")]
    Differs(u64),
}

impl Reluctance {
    /// For metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Serial { .. } => "serial",
            Self::Proposer { .. } => "proposer",
            Self::Older { .. } => "older",
            Self::Another(_) => "another",
            Self::NoDraft(_) => "no_draft",
            Self::Differs(_) => "differs",
        }
    }
}
