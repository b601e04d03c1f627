//! What became of a connection's hops.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts, from the start of the connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    padding_bytes: AtomicU64,
}

impl Tally {
    pub(super) fn refused(&self, reason: &'static str) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    pub(super) fn padded(&self, bytes: usize) {
        self.padding_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Hops that did not happen, by reason.
    pub(super) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of padding that were queued.
    pub(super) fn padding_bytes(&self) -> u64 {
        self.padding_bytes.load(Ordering::Relaxed)
    }
}
