//! The content of a sealed payload: a piece of a message.
//!
//! ```text
//! fragment = kind 1 ‖ message 16 ‖ index 2 ‖ count 2 ‖ reply block (kind 2 only) ‖ bytes        (numbers big-endian)
//! ```

use std::fmt;

use mimiq_sphinx::Geometry;

use crate::capacity;

const PLAIN: u8 = 1;
const WITH_BLOCK: u8 = 2;
const HEADER: usize = 1 + 16 + 2 + 2;

/// Fragments of the longest message.
pub const MOST_FRAGMENTS: u16 = 256;
/// Bytes of the longest message.
pub const MOST_BODY: usize = 65_536;

/// A message's name: random, drawn by its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

/// A fragment's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// Of which message.
    pub message: MessageId,
    /// Which one of it, from 0.
    pub index: u16,
}

/// A piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Its name.
    pub piece: Piece,
    /// How many the message has: more than the index, at most [`MOST_FRAGMENTS`].
    pub count: u16,
    /// A reply block, if an acknowledgement is wanted.
    pub block: Option<&'a [u8]>,
    /// The bytes: not empty, unless the message is.
    pub bytes: &'a [u8],
}

/// Why a content is no fragment: its sender, who is known, does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Too short for the fields that it says it has.
    #[error("content: {0} bytes are too few")]
    Short(usize),
    /// Unknown.
    #[error("kind: {0}")]
    Kind(u8),
    /// From 1 to [`MOST_FRAGMENTS`].
    #[error("count: {0} is not between 1 and {MOST_FRAGMENTS}")]
    Count(u16),
    /// Less than the count.
    #[error("index: {index} of {count} fragments")]
    Index {
        /// Given.
        index: u16,
        /// Of how many.
        count: u16,
    },
    /// One of several, and nothing in it.
    #[error("bytes: none, in one of {0} fragments")]
    Empty(u16),
}

impl Fragment<'_> {
    /// How many bytes fit into one, with a reply block or without. None if not even one does.
    #[must_use]
    pub fn room(geometry: &Geometry, with_block: bool) -> Option<usize> {
        let block = if with_block { geometry.surb_len() } else { 0 };
        capacity(geometry.payload_len()).checked_sub(HEADER + block).filter(|room| *room > 0)
    }

    /// The content to seal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let block = self.block.unwrap_or_default();
        let mut content = Vec::with_capacity(HEADER + block.len() + self.bytes.len());
        content.push(if self.block.is_some() { WITH_BLOCK } else { PLAIN });
        content.extend(self.piece.message.0);
        content.extend(self.piece.index.to_be_bytes());
        content.extend(self.count.to_be_bytes());
        content.extend(block);
        content.extend(self.bytes);
        content
    }
}

impl<'a> Fragment<'a> {
    /// From a content that was opened.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(content: &'a [u8], geometry: &Geometry) -> Result<Self, FragmentError> {
        let short = FragmentError::Short(content.len());
        let (head, rest) = content.split_first_chunk::<HEADER>().ok_or(short)?;
        let [kind, message @ .., i0, i1, c0, c1] = *head;
        let (block, bytes) = match kind {
            PLAIN => (None, rest),
            WITH_BLOCK => {
                let (block, bytes) = rest.split_at_checked(geometry.surb_len()).ok_or(short)?;
                (Some(block), bytes)
            }
            _ => return Err(FragmentError::Kind(kind)),
        };
        let (index, count) = (u16::from_be_bytes([i0, i1]), u16::from_be_bytes([c0, c1]));
        if !(1..=MOST_FRAGMENTS).contains(&count) {
            return Err(FragmentError::Count(count));
        }
        if index >= count {
            return Err(FragmentError::Index { index, count });
        }
        if bytes.is_empty() && count > 1 {
            return Err(FragmentError::Empty(count));
        }
        Ok(Self { piece: Piece { message: MessageId(message), index }, count, block, bytes })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
