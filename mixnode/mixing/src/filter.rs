//! A set of fingerprints.
//!
//! Replay tags are uniformly random and secret, so 64 bits of one are their own hash. Of 100 million of them a new packet meets one of the same
//! 64 bits, and is dropped, once in 10^11 times. 256 tables grow one by one: growing never stops the mix for longer than a 256th of all
//! takes.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

const SEGMENTS: usize = 256;

pub(crate) struct Filter {
    segments: Vec<HashTable<u64>>,
    len: usize,
    most: usize,
}

/// What became of a fingerprint.
pub(crate) enum Outcome {
    Inserted,
    Present,
    NoRoom,
}

impl Filter {
    /// For at most so many fingerprints.
    pub(crate) fn new(most: usize) -> Self {
        Self { segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(), len: 0, most }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, fingerprint: u64) -> Outcome {
        let segment = &mut self.segments[segment(fingerprint)];
        if segment.try_reserve(1, |other| hash(*other)).is_err() {
            return Outcome::NoRoom;
        }
        match segment.entry(hash(fingerprint), |other| *other == fingerprint, |other| hash(*other)) {
            Entry::Occupied(_) => Outcome::Present,
            Entry::Vacant(_) if self.len >= self.most => Outcome::NoRoom,
            Entry::Vacant(entry) => {
                entry.insert(fingerprint);
                self.len += 1;
                Outcome::Inserted
            }
        }
    }

    pub(crate) fn remove(&mut self, fingerprint: u64) {
        let segment = &mut self.segments[segment(fingerprint)];
        if let Ok(entry) = segment.find_entry(hash(fingerprint), |other| *other == fingerprint) {
            entry.remove();
            self.len -= 1;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn memory(&self) -> usize {
        self.segments.iter().map(HashTable::allocation_size).sum::<usize>() + SEGMENTS * size_of::<HashTable<u64>>()
    }
}

fn segment(fingerprint: u64) -> usize {
    (fingerprint >> 56) as usize
}

/// The table looks at the highest and the lowest bits; the highest are the same in a segment.
fn hash(fingerprint: u64) -> u64 {
    fingerprint.rotate_left(8)
}
