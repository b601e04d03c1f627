//! Clients and fragments.

use mimiq_messages::{Address, Fragment, Identity, Inbox, InboxConfig, MessageId, Outbox, OutboxConfig, Piece};
use mimiq_sphinx::Geometry;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) const CONFIG: OutboxConfig = OutboxConfig { first_timeout: 10 * SECOND, most_attempts: 4, most_messages: 8 };

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn identity(seed: u64) -> Identity {
    Identity::generate(&mut rng(seed))
}

pub(crate) fn address(seed: u64) -> Address {
    Address::new([seed as u8; 16], *identity(seed).public_key(), "provider-1").unwrap()
}

pub(crate) fn outbox() -> Outbox {
    Outbox::new(CONFIG, &Geometry::default()).unwrap()
}

pub(crate) fn inbox(config: InboxConfig) -> Inbox {
    Inbox::new(config).unwrap()
}

pub(crate) fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

/// A reply block that only those of the same number equal.
pub(crate) fn block(number: usize) -> [u8; 283] {
    let mut block = [9; 283];
    block[..8].copy_from_slice(&number.to_be_bytes());
    block
}

/// A fragment that wants an acknowledgement, all with the same block.
pub(crate) fn fragment(message: u8, index: u16, count: u16, bytes: &[u8]) -> Fragment<'_> {
    let piece = Piece { message: MessageId([message; 16]), index };
    Fragment { piece, count, block: Some(&[0; 283]), bytes }
}
