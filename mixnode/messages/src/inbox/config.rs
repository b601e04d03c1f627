//! How much an inbox keeps.

use crate::fragment::{MOST_BODY, MOST_FRAGMENTS};

/// What a fragment counts beside its bytes: about what it takes in memory.
pub(super) const FRAGMENT: usize = 64;
/// The longest message, while it is incomplete.
const LONGEST: usize = MOST_BODY + MOST_FRAGMENTS as usize * FRAGMENT;

/// The bounds of an inbox. Times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxConfig {
    /// Incomplete messages of one sender.
    pub most_of_sender: usize,
    /// Incomplete messages of all.
    pub most_incomplete: usize,
    /// Bytes of incomplete messages, each fragment counted with 64 more.
    pub most_bytes: usize,
    /// How long an incomplete message is kept without a further fragment.
    pub longest_idle: u64,
    /// Complete messages of one sender whose names are remembered.
    pub most_remembered_of_sender: usize,
    /// Complete messages of all whose names are remembered.
    pub most_remembered: usize,
    /// How long names are remembered: longer than senders try, and than a payload can wait at a provider.
    pub remember_for: u64,
}

/// What an inbox cannot be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// Nothing would ever be received.
    #[error("{0}: 0")]
    Zero(&'static str),
    /// The longest message does not fit.
    #[error("most bytes: {0} are fewer than {LONGEST}, which one message can take")]
    Bytes(usize),
}

impl Default for InboxConfig {
    /// 16 incomplete messages of a sender, 256 and 8 MiB of all, for an hour; 1,024 names of a sender, 65,536 of all, for 30 days.
    fn default() -> Self {
        Self {
            most_of_sender: 16,
            most_incomplete: 256,
            most_bytes: 8 << 20,
            longest_idle: 3600,
            most_remembered_of_sender: 1024,
            most_remembered: 65_536,
            remember_for: 30 * 86_400,
        }
    }
}

impl InboxConfig {
    pub(super) fn check(&self) -> Result<(), InboxError> {
        let counts = [
            ("most of sender", self.most_of_sender),
            ("most incomplete", self.most_incomplete),
            ("most remembered of sender", self.most_remembered_of_sender),
            ("most remembered", self.most_remembered),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(InboxError::Zero(name));
        }
        if self.most_bytes < LONGEST { Err(InboxError::Bytes(self.most_bytes)) } else { Ok(()) }
    }
}
