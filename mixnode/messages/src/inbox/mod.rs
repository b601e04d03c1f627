//! Messages put together again, each shown once. Pure: times are seconds since 1970, for what is remembered outlives the process.
//!
//! What is complete is acknowledged as complete, and again with each later copy of a fragment, for the first acknowledgement may be lost: but each reply
//! block is answered once, and a copy that its sender has sent again has another. A client that
//! crashes must not have acknowledged what it has not stored: it keeps the message, with [`Received`], before it answers. Incomplete
//! messages need not be stored, nor are they safe from being pushed out by others: their acknowledgements promise nothing, and the sender starts again.
//!
//! Names are remembered for [`InboxConfig::remember_for`]. A copy that comes later is shown again, also one that the provider kept for so long.

mod answered;
mod config;
mod incomplete;
mod remembered;
mod snapshot;

pub use config::{InboxConfig, InboxError};
pub use remembered::Received;
pub use snapshot::{Snapshot, SnapshotError};

use crate::{Acknowledgement, Fragment};
use answered::Answered;
use incomplete::{Added, Incomplete};
use remembered::Remembered;

/// What a fragment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether it was new, and the message if it was the last one.
    pub outcome: Outcome,
    /// What to reply with, if the fragment has a reply block that was not answered yet; after a complete message is stored.
    pub acknowledgement: Option<Acknowledgement>,
}

/// Whether a fragment was new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was the last one that was missing: this is the message.
    Complete(Vec<u8>),
    /// It was new, and others are missing.
    Incomplete,
    /// It was there already, or its message is complete.
    Duplicate,
}

/// Why a fragment is dropped: its sender does not keep to the protocol. Only its own message suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// All fragments of a message say the same.
    #[error("count: {count} fragments, and {before} before")]
    Count {
        /// Now.
        count: u16,
        /// In the first one.
        before: u16,
    },
    /// The message would be longer than [`crate::MOST_BODY`].
    #[error("message: {0} bytes are too many")]
    Length(usize),
}

/// See the module.
pub struct Inbox {
    incomplete: Incomplete,
    remembered: Remembered,
    answered: Answered,
}

impl Inbox {
    /// An empty one.
    ///
    /// # Errors
    /// If a bound is so small that messages never arrive.
    pub fn new(config: InboxConfig) -> Result<Self, InboxError> {
        config.check()?;
        Ok(Self {
            incomplete: Incomplete::new(config),
            remembered: Remembered::new(&config),
            answered: Answered::default(),
        })
    }

    /// Takes a fragment of a sender who was authenticated.
    ///
    /// # Errors
    /// If it does not fit the message's earlier ones: it is dropped, and not acknowledged.
    pub fn accept(&mut self, now: u64, sender: &[u8; 32], fragment: &Fragment<'_>) -> Result<Accepted, Refused> {
        self.remembered.expire(now);
        self.incomplete.expire(now);
        let piece = fragment.piece;
        let (outcome, complete) = if self.remembered.contains(sender, &piece.message) {
            (Outcome::Duplicate, true)
        } else {
            match self.incomplete.add(now, sender, fragment)? {
                Added::Known => (Outcome::Duplicate, false),
                Added::More => (Outcome::Incomplete, false),
                Added::All(message) => {
                    self.remembered.insert(Received { at: now, sender: *sender, message: piece.message });
                    (Outcome::Complete(message), true)
                }
            }
        };
        let block = fragment.block.filter(|block| self.answered.is_first(block));
        let acknowledgement = block.map(|_| Acknowledgement { piece, complete });
        Ok(Accepted { outcome, acknowledgement })
    }

    /// Puts back what an earlier process received; as in [`Snapshot`], or one by one.
    pub fn remember(&mut self, received: Received) {
        self.remembered.insert(received);
    }

    /// What it remembers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.remembered.iter().copied().collect())
    }
}
