//! What an inbox remembers, as bytes, for the next process.
//!
//! ```text
//! snapshot = version 1 ‖ (time 8 ‖ sender 32 ‖ message 16) for each        (numbers big-endian)
//! ```

use super::Received;
use crate::MessageId;

const VERSION: u8 = 1;
const ENTRY: usize = 8 + 32 + 16;

/// Names of complete messages, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(pub Vec<Received>);

/// What is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Unknown, or there is none.
    #[error("snapshot: version {0:?}, not {VERSION}")]
    Version(Option<u8>),
    /// Cut.
    #[error("snapshot: {0} bytes, not one more than a multiple of {ENTRY}")]
    Length(usize),
}

impl Snapshot {
    /// Writes it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.0.len() * ENTRY);
        bytes.push(VERSION);
        for received in &self.0 {
            bytes.extend(received.at.to_be_bytes());
            bytes.extend(received.sender);
            bytes.extend(received.message.0);
        }
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it was not written so, or is cut.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some((&VERSION, entries)) = bytes.split_first() else {
            return Err(SnapshotError::Version(bytes.first().copied()));
        };
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return Err(SnapshotError::Length(bytes.len()));
        }
        Ok(Self(entries.iter().map(read).collect()))
    }
}

fn read(entry: &[u8; ENTRY]) -> Received {
    let (mut at, mut sender, mut message) = ([0; 8], [0; 32], [0; 16]);
    at.copy_from_slice(&entry[..8]);
    sender.copy_from_slice(&entry[8..40]);
    message.copy_from_slice(&entry[40..]);
    Received { at: u64::from_be_bytes(at), sender, message: MessageId(message) }
}
