//! The client's connection IDs: random, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quinn::{ConnectionId, ConnectionIdGenerator};

/// Length of the IDs that the client issues, bytes.
pub(crate) const LENGTH: usize = 8;

/// How many IDs were issued, the handshake's included. Unlike quinn's frame statistics it does not count repetitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issued(Arc<AtomicU64>);

impl Issued {
    /// Those after the handshake's.
    pub(crate) fn after_first(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_sub(1)
    }

    pub(crate) fn generator(&self) -> Box<dyn ConnectionIdGenerator> {
        Box::new(Generator(self.clone()))
    }
}

struct Generator(Issued);

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        ConnectionId::new(&rand::random::<[u8; LENGTH]>())
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
