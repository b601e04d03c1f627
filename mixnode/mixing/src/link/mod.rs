//! Authenticated and encrypted links between nodes over UDP, without a handshake: the first datagram after a start is as good as any.
//!
//! ```text
//! datagram = version 1 ‖ epoch 4 ‖ sender 16 ‖ salt 16 ‖ counter 8 ‖ ciphertext ‖ tag 16        (numbers big-endian)
//! key      = HKDF-SHA256(X25519(own secret, peer's public key), salt, "mimiq loopix link v1" ‖ epoch ‖ sender ‖ receiver)
//! ```
//!
//! The cipher is AES-128-GCM (RFC 5116), its nonce the counter, its associated data all before the ciphertext. X25519 is of RFC 7748, HKDF of RFC
//! 5869. Each [`Outgoing`] draws a salt of its own, so that no nonce is ever used twice, also after a restart.
//!
//! A link secret is for links alone: it must not be the one that unwraps packets.

mod incoming;
mod key;
mod outgoing;
mod window;

pub use incoming::{Incoming, Opened};
pub use outgoing::Outgoing;

const VERSION: u8 = 1;
const SALT_AT: usize = 1 + 4 + 16;
const COUNTER_AT: usize = SALT_AT + 16;
const HEADER: usize = COUNTER_AT + 8;
const TAG: usize = 16;

/// Bytes that a link adds to a packet.
pub const OVERHEAD: usize = HEADER + TAG;

/// The two ends of a link, by their nodes' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Who sends.
    pub sender: [u8; 16],
    /// Who receives.
    pub receiver: [u8; 16],
}

impl LinkError {
    /// The reason's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Short(_) => "link_short",
            Self::Version(_) => "link_version",
            Self::Epoch(_) => "link_epoch",
            Self::Sender => "link_sender",
            Self::Forged => "link_forged",
            Self::Replayed => "link_replayed",
            Self::PublicKey | Self::Exhausted | Self::Library => "link_library",
        }
    }
}

/// Why a datagram was not opened, or a link not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Shorter than an empty packet's datagram.
    #[error("datagram of {0} bytes: shorter than {OVERHEAD}")]
    Short(usize),
    /// Of another version of this protocol, or of none.
    #[error("datagram of version {0}, not {VERSION}")]
    Version(u8),
    /// Neither of this key epoch nor of the last within its grace.
    #[error("datagram of key epoch {0}, which is not accepted")]
    Epoch(u32),
    /// From a node that is no peer.
    #[error("datagram from an unknown sender")]
    Sender,
    /// Its tag is wrong: made or changed by someone else.
    #[error("datagram with a wrong tag")]
    Forged,
    /// Its counter has been seen, or is too far behind others that have.
    #[error("datagram that was seen before, or is too old")]
    Replayed,
    /// The peer's public key is of low order: anyone would know the shared secret.
    #[error("public key of low order")]
    PublicKey,
    /// The key has sealed as many datagrams as it safely can: make a new [`Outgoing`].
    #[error("the key has sealed all datagrams that it may")]
    Exhausted,
    /// The cryptographic library refused sizes that it has always taken.
    #[error("the cryptographic library failed")]
    Library,
}
