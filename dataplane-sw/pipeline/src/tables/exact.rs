use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Table, Visitor, key::ExactSchema};
use crate::counters::Counters;

/// What stands behind a key. Key, action and counters lie together, so that counting a hit needs no further cache line.
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

/// An exact table.
#[derive(Debug)]
pub(crate) struct Exact<T: ExactSchema>(HashMap<T::Packed, Slot<T::Action>, RandomState>);

impl<T: ExactSchema> Default for Exact<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: ExactSchema> Exact<T> {
    /// The entry with this packed key.
    #[inline]
    pub(crate) fn find(&self, key: T::Packed) -> Option<&Slot<T::Action>> {
        self.0.get(&key)
    }
}

impl<T: ExactSchema> Table<T> for Exact<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, &Counters)> {
        self.0.get(&T::pack(key)).map(|slot| (slot.action, &slot.counters))
    }

    fn put(&mut self, key: &T::Key, action: T::Action) {
        self.0.entry(T::pack(key)).and_modify(|slot| slot.action = action).or_insert_with(|| Slot::new(action));
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        self.0.remove(&T::pack(key)).is_some()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0 = HashMap::default();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        self.0.iter().for_each(|(key, slot)| visit(T::unpack(*key), slot.action, &slot.counters));
    }
}
