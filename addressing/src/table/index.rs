use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A table that grows re-hashes all it holds; a thousandth of that at a time is not felt, if they do not grow all at once.
const SHARDS: usize = 1024;

/// Finds slots by a key that is in the record: five bytes and a little air each.
pub(crate) struct SlotIndex {
    hasher: DefaultHashBuilder,
    shards: Vec<HashTable<u32>>,
}

impl SlotIndex {
    pub(crate) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), shards: (0..SHARDS).map(|_| HashTable::new()).collect() }
    }

    pub(crate) fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> K) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.shards[shard(hash)].find(hash, |slot| key_of(*slot) == *key).copied()
    }

    /// The slot of the key's record, so that it can be replaced.
    pub(crate) fn find_mut<K: Hash + Eq>(&mut self, key: &K, key_of: impl Fn(u32) -> K) -> Option<&mut u32> {
        let hash = self.hasher.hash_one(key);
        self.shards[shard(hash)].find_mut(hash, |slot| key_of(*slot) == *key)
    }

    /// Enters the slot of a key that is not there yet.
    pub(crate) fn insert<K: Hash>(&mut self, key: &K, slot: u32, key_of: impl Fn(u32) -> K) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        self.shards[shard(hash)].insert_unique(hash, slot, |slot| hasher.hash_one(key_of(*slot)));
    }

    pub(crate) fn remove<K: Hash>(&mut self, key: &K, slot: u32) {
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.shards[shard(hash)].find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
    }
}

/// From 16 bits that the tables themselves do not use: they use the lowest and the highest. The last shards are twice as
/// large as the first, along a parabola close to log2(1 + x), so that their growth is spread over each doubling.
fn shard(hash: u64) -> usize {
    const CURVE: (u64, u64) = (88_015, 22_479);
    let x = (hash >> 40) & 0xffff;
    ((x * (CURVE.0 - ((x * CURVE.1) >> 16))) >> 22) as usize % SHARDS
}
