//! The end-to-end part of a Loopix client: addresses, payloads that only their recipient can tell from random bytes, messages in fragments, and reliable
//! delivery by acknowledgements in single-use reply blocks. Pure: time and randomness are arguments, and there is no I/O.
//!
//! A message goes through [`Outbox`], [`Fragment::encode`], [`seal`], a Sphinx packet, the recipient's inbox at its provider, [`open`],
//! [`Fragment::parse`], [`Inbox`]. An [`Acknowledgement`] comes back in the fragment's reply block. With payloads of 901 bytes and reply blocks of 283:
//!
//! | bytes | what |
//! |---|---|
//! | 32 | Elligator representative of an ephemeral key |
//! | 48 | the sender's public key, encrypted, with a tag |
//! | 2 | how long the content is; encrypted, as all that follows |
//! | 1 | kind: 1, or 2 for a fragment with a reply block |
//! | 16 | the message's name |
//! | 2 + 2 | the fragment's index, and how many there are |
//! | 283 or 0 | the reply block for the acknowledgement |
//! | up to 499 or 782 | the fragment's bytes, then zeros |
//! | 16 | tag |
//!
//! An acknowledgement is 16 zeros, the message's name, the fragment's index, whether the message is complete, and zeros; the reply block encrypts it.
//!
//! To anyone but its recipient each payload is 901 random bytes: messages, acknowledgements and loops look the same, at the provider
//! too.

mod acknowledgement;
mod address;
mod elligator;
mod fragment;
mod inbox;
mod outbox;
mod seal;

pub use acknowledgement::Acknowledgement;
pub use address::{Address, AddressError};
pub use fragment::{Fragment, FragmentError, MOST_BODY, MOST_FRAGMENTS, MessageId, Piece};
pub use inbox::{Accepted, Inbox, InboxConfig, InboxError, Outcome, Received, Refused, Snapshot, SnapshotError};
pub use outbox::{Due, Event, Failure, Outbox, OutboxConfig, OutboxError, SubmitError};
pub use seal::{Identity, Opened, SealError, capacity, open, seal};
