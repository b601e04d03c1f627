use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mimiq_contract::DropReason;

/// Packets and bytes that hit a table entry. Bytes are those of the frame as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryCounters {
    /// Number of packets.
    pub packets: u64,
    /// Sum of their frames' lengths.
    pub bytes: u64,
}

/// A pair of counters that many threads may add to.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    #[inline]
    pub(crate) fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn get(&self) -> EntryCounters {
        EntryCounters { packets: self.packets.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }

    pub(crate) fn set(&self, value: EntryCounters) {
        self.packets.store(value.packets, Relaxed);
        self.bytes.store(value.bytes, Relaxed);
    }
}

/// Reason numbers are indices of the contract's `drop_reason` counter, which has this size.
const REASONS: usize = 64;

/// Dropped packets and bytes by [`DropReason`], shared by all threads of a switch.
#[derive(Debug)]
pub struct DropCounters([Counters; REASONS]);

impl Default for DropCounters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counters::default()))
    }
}

impl DropCounters {
    /// Counts one dropped frame of `bytes` bytes.
    pub fn add(&self, reason: DropReason, bytes: usize) {
        if let Some(counters) = self.0.get(reason as usize) {
            counters.add(1, bytes as u64);
        }
    }

    /// Packets and bytes dropped for this reason since the start.
    pub fn get(&self, reason: DropReason) -> (u64, u64) {
        let EntryCounters { packets, bytes } = self.0.get(reason as usize).map(Counters::get).unwrap_or_default();
        (packets, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let drops = DropCounters::default();
        for (n, reason) in DropReason::ALL.iter().enumerate() {
            (0..=n).for_each(|_| drops.add(*reason, 100));
        }
        for (n, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(drops.get(*reason), (n as u64 + 1, 100 * (n as u64 + 1)), "{reason:?}");
        }
    }
}
