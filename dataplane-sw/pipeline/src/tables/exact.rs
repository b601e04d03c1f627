use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::{Refusal, Table, Visitor, key::ExactSchema};
use crate::counters::Counters;

/// What stands behind a key.
#[derive(Debug)]
pub(crate) struct Slot<A> {
    pub(crate) action: A,
    pub(crate) counters: Counters,
}

impl<A> Slot<A> {
    pub(super) fn new(action: A) -> Self {
        Self { action, counters: Counters::default() }
    }
}

/// Key, action and counters of an entry on one cache line, so that a hit and its counting cost one miss.
#[derive(Debug)]
#[repr(align(64))]
struct Line<T: ExactSchema> {
    key: T::Packed,
    slot: Slot<T::Action>,
}

/// An exact table.
#[derive(Debug)]
pub(crate) struct Exact<T: ExactSchema> {
    lines: HashTable<Line<T>>,
    hasher: RandomState,
}

impl<T: ExactSchema> Default for Exact<T> {
    fn default() -> Self {
        Self { lines: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<T: ExactSchema> Exact<T> {
    /// The entry with this packed key.
    #[inline]
    pub(crate) fn find(&self, key: T::Packed) -> Option<&Slot<T::Action>> {
        if self.lines.is_empty() {
            return None;
        }
        self.lines.find(self.hasher.hash_one(key), |line| line.key == key).map(|line| &line.slot)
    }
}

impl<T: ExactSchema> Table<T> for Exact<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, Option<&Counters>)> {
        self.find(T::pack(key)).map(|slot| (slot.action, Some(&slot.counters)))
    }

    fn insert(&mut self, key: &T::Key, action: T::Action, size: usize) -> Result<(), Refusal> {
        let (key, hasher, full) = (T::pack(key), &self.hasher, self.lines.len() >= size);
        match self.lines.entry(hasher.hash_one(key), |line| line.key == key, |line| hasher.hash_one(line.key)) {
            Entry::Occupied(_) => Err(Refusal::Exists),
            Entry::Vacant(_) if full => Err(Refusal::Full),
            Entry::Vacant(vacant) => {
                vacant.insert(Line { key, slot: Slot::new(action) });
                Ok(())
            }
        }
    }

    fn modify(&mut self, key: &T::Key, action: T::Action) -> bool {
        let key = T::pack(key);
        let line = self.lines.find_mut(self.hasher.hash_one(key), |line| line.key == key);
        line.map(|line| line.slot.action = action).is_some()
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        let key = T::pack(key);
        match self.lines.find_entry(self.hasher.hash_one(key), |line| line.key == key) {
            Ok(line) => {
                line.remove();
                true
            }
            Err(_) => false,
        }
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        self.lines.iter().for_each(|line| visit(T::unpack(line.key), line.slot.action, Some(&line.slot.counters)));
    }
}
