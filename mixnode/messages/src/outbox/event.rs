//! What an outbox says of messages.

use crate::MessageId;

/// What became of a message. Each that was submitted has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The recipient has it.
    Delivered(MessageId),
    /// It was sent, and nobody will know more of it: it was not to be reliable.
    Sent(MessageId),
    /// It may have arrived all the same: what came back may be what was lost.
    Failed(MessageId, Failure),
}

/// Why a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A fragment was sent as often as it may be.
    #[error("fragment {index}: no acknowledgement after {attempts} attempts")]
    Unanswered {
        /// Which.
        index: u16,
        /// How often.
        attempts: u32,
    },
    /// All fragments were acknowledged, yet the recipient never had all of them at once.
    #[error("the recipient lost fragments, and {attempts} attempts were made")]
    Lost {
        /// How often one of them was sent.
        attempts: u32,
    },
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It would be more than [`crate::MOST_BODY`] bytes, or [`crate::MOST_FRAGMENTS`] fragments.
    #[error("message: {length} bytes are more than {most}")]
    Length {
        /// Given.
        length: usize,
        /// Possible.
        most: usize,
    },
    /// As many messages as there may be are on their way.
    #[error("outbox: full, with {0} messages")]
    Full(usize),
}
