//! A node's keys: made an epoch ahead, and gone soon after their epoch. With a key, its replay tags can be forgotten; and what was recorded on the wire
//! can no longer be read, not even with the node in hand.

use std::collections::BTreeMap;

use mimiq_sphinx::SecretKey;

use crate::{Epochs, KeyOf};

/// When keys come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    epochs: Epochs,
    grace: u64,
}

/// No keys can be scheduled like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// An epoch takes time.
    #[error("epochs.length: 0 is not at least a second")]
    Length,
    /// At most the key of one epoch before is kept.
    #[error("grace: {grace} seconds are more than an epoch of {length}")]
    Grace {
        /// Seconds.
        grace: u64,
        /// Seconds.
        length: u64,
    },
}

/// The secrets of a node, by epoch. What is removed, or dropped with the ring, is overwritten in memory.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: BTreeMap<u64, SecretKey>,
}

impl Schedule {
    /// A key counts from the start of the epoch before its own until `grace` seconds after its own: time for packets on their way, and for clocks that
    /// differ.
    ///
    /// # Errors
    /// If epochs take no time, or the grace is longer than one.
    pub fn new(epochs: Epochs, grace: u64) -> Result<Self, ScheduleError> {
        match epochs.length {
            0 => Err(ScheduleError::Length),
            length if grace > length => Err(ScheduleError::Grace { grace, length }),
            _ => Ok(Self { epochs, grace }),
        }
    }

    /// How time is cut.
    #[must_use]
    pub fn epochs(&self) -> Epochs {
        self.epochs
    }

    /// The epochs whose keys a node needs and may publish: this one and the next; before the first one, that alone.
    #[must_use]
    pub fn needed(&self, now: u64) -> Vec<u64> {
        match self.epochs.at(now) {
            Some(epoch) => (epoch..=epoch.saturating_add(1)).collect(),
            None => vec![0],
        }
    }

    /// Whether an epoch's key is past its grace.
    #[must_use]
    pub fn is_over(&self, epoch: u64, now: u64) -> bool {
        // What begins after the end of time is never over.
        let end = epoch.checked_add(1).and_then(|next| self.epochs.start(next)?.checked_add(self.grace));
        end.is_some_and(|end| end <= now)
    }
}

impl KeyRing {
    /// Keys that are needed and not there yet: for a caller to make, to store and then to [`add`](Self::add).
    #[must_use]
    pub fn missing(&self, schedule: &Schedule, now: u64) -> Vec<u64> {
        schedule.needed(now).into_iter().filter(|epoch| !self.keys.contains_key(epoch)).collect()
    }

    /// Puts in an epoch's key. One that is there already stays: others may know it.
    pub fn add(&mut self, epoch: u64, key: SecretKey) {
        self.keys.entry(epoch).or_insert(key);
    }

    /// Destroys the key of an epoch.
    pub fn remove(&mut self, epoch: u64) {
        self.keys.remove(&epoch);
    }

    /// Destroys the keys past their grace.
    pub fn expire(&mut self, schedule: &Schedule, now: u64) {
        self.keys.retain(|epoch, _| !schedule.is_over(*epoch, now));
    }

    /// The keys for which packets are taken now, in the order of their epochs. None past its grace, even if nobody has called
    /// [`expire`](Self::expire) yet.
    pub fn accepted(&self, schedule: &Schedule, now: u64) -> impl Iterator<Item = (u64, &SecretKey)> {
        let latest = schedule.needed(now).last().copied();
        let counts = move |epoch: u64| Some(epoch) <= latest && !schedule.is_over(epoch, now);
        self.keys.iter().map(|(epoch, key)| (*epoch, key)).filter(move |(epoch, _)| counts(*epoch))
    }

    /// What a node publishes: of the keys that are needed now, those that are there.
    #[must_use]
    pub fn published(&self, schedule: &Schedule, now: u64) -> Vec<KeyOf> {
        let needed = schedule.needed(now).into_iter();
        let key = |epoch| Some(KeyOf { epoch, key: (*self.keys.get(&epoch)?.public_key().as_bytes()).into() });
        needed.filter_map(key).collect()
    }

    /// The epochs of the keys that are in it.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.keys.keys().copied()
    }
}
