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

/// A table that grows hashes all its entries anew, and whoever waits for a write waits for that: with a million entries
/// it took tens of milliseconds. Parts grow one after the other, as each is about a ninetieth larger than the one before:
/// parts of one size would all be full at almost the same time.
const PARTS: usize = 64;

/// An exact table.
#[derive(Debug)]
pub(crate) struct Exact<T: ExactSchema> {
    parts: Box<[HashTable<Line<T>>; PARTS]>,
    len: usize,
    hasher: RandomState,
}

/// A parabola close to log2(1 + x), with x from 16 bits that the parts themselves do not use: they use the lowest and the
/// highest. Its slope halves from 0 to 1, so that the last part is twice as large as the first, which by then has doubled.
#[inline]
fn part(hash: u64) -> usize {
    const CURVE: (u64, u64) = (88_015, 22_479);
    let x = (hash >> 40) & 0xffff;
    ((x * (CURVE.0 - ((x * CURVE.1) >> 16))) >> 26) as usize % PARTS
}

impl<T: ExactSchema> Default for Exact<T> {
    fn default() -> Self {
        let parts = Box::new([const { HashTable::new() }; PARTS]);
        Self { parts, len: 0, hasher: RandomState::default() }
    }
}

impl<T: ExactSchema> Exact<T> {
    /// The entry with this packed key.
    #[inline]
    pub(crate) fn find(&self, key: T::Packed) -> Option<&Slot<T::Action>> {
        if self.len == 0 {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        self.parts[part(hash)].find(hash, |line| line.key == key).map(|line| &line.slot)
    }
}

impl<T: ExactSchema> Table<T> for Exact<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, Option<&Counters>)> {
        self.find(T::pack(key)).map(|slot| (slot.action, Some(&slot.counters)))
    }

    fn insert(&mut self, key: &T::Key, action: T::Action, size: usize) -> Result<(), Refusal> {
        let (key, hasher, full) = (T::pack(key), &self.hasher, self.len >= size);
        let hash = hasher.hash_one(key);
        match self.parts[part(hash)].entry(hash, |line| line.key == key, |line| hasher.hash_one(line.key)) {
            Entry::Occupied(_) => Err(Refusal::Exists),
            Entry::Vacant(_) if full => Err(Refusal::Full),
            Entry::Vacant(vacant) => {
                vacant.insert(Line { key, slot: Slot::new(action) });
                self.len += 1;
                Ok(())
            }
        }
    }

    fn modify(&mut self, key: &T::Key, action: T::Action) -> bool {
        let key = T::pack(key);
        let hash = self.hasher.hash_one(key);
        let line = self.parts[part(hash)].find_mut(hash, |line| line.key == key);
        line.map(|line| line.slot.action = action).is_some()
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        let key = T::pack(key);
        let hash = self.hasher.hash_one(key);
        match self.parts[part(hash)].find_entry(hash, |line| line.key == key) {
            Ok(line) => {
                line.remove();
                self.len -= 1;
                true
            }
            Err(_) => false,
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        self.parts
            .iter()
            .flatten()
            .for_each(|line| visit(T::unpack(line.key), line.slot.action, Some(&line.slot.counters)));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use mimiq_contract::{
        MacAddr, PortId,
        tables::{ClientV6, ClientV6Action, ClientV6Key},
    };

    use super::*;

    #[test]
    fn parts_grow_one_after_the_other() {
        const ENTRIES: usize = 300_000;
        let mut table = Exact::<ClientV6>::default();
        let action = ClientV6Action::Deliver { port: PortId(1), mac: MacAddr([2; 6]) };
        // How many entries there were, and how many of them were hashed anew.
        let (mut grown, mut capacities) = (Vec::new(), [0; PARTS]);
        for n in 0..ENTRIES {
            let dst_addr = Ipv6Addr::from_bits(n as u128);
            assert!(table.insert(&ClientV6Key { dst_addr }, action, ENTRIES).is_ok());
            for (capacity, part) in capacities.iter_mut().zip(table.parts.iter()) {
                if std::mem::replace(capacity, part.capacity()) != part.capacity() {
                    grown.push((n, part.len()));
                }
            }
        }
        for (at, _) in grown.iter().filter(|(at, _)| *at > ENTRIES / 8) {
            let until = at + at / 32;
            let again: usize = grown.iter().filter(|(n, _)| (*at..until).contains(n)).map(|(_, len)| len).sum();
            assert!(again < at / 8, "{again} of {at} entries were hashed anew while a thirty-second of that came");
        }
    }
}
