use hashbrown::HashMap;

/// The free ones among the numbers below `size`, so that one can be drawn uniformly in O(1) at any occupancy, in memory
/// that grows with the *taken* ones only.
///
/// This is the Fisher–Yates shuffle on an array that is mostly implicit. The first `free` slots of the array hold the
/// free numbers; slot `i` holds number `i` unless `swapped` says otherwise. A number below `free` that is taken leaves a
/// *hole* in its slot, which a *stray*, a free number that is not below `free`, fills. There are as many holes as
/// strays, and `swapped` maps each to the other. So the map has two entries at most per taken number, and none of it is
/// left when all are free again.
#[derive(Debug, Clone)]
pub(crate) struct FreeSpace {
    size: u128,
    free: u128,
    swapped: HashMap<u64, u64>,
}

impl FreeSpace {
    /// All numbers below `size` are free; `size` is at most 2^64.
    pub(crate) fn new(size: u128) -> Self {
        debug_assert!(size <= 1 << 64);
        Self { size, free: size, swapped: HashMap::new() }
    }

    /// How many are free.
    pub(crate) fn free(&self) -> u128 {
        self.free
    }

    /// Takes the number in a slot below [`free`](Self::free): a uniform slot gives a uniform free number.
    /// `None` if there is no such slot.
    pub(crate) fn take_slot(&mut self, slot: u128) -> Option<u64> {
        if slot >= self.free {
            return None;
        }
        // Both fit: they are below `free`, which is at most 2^64.
        let (slot, last) = (slot as u64, (self.free - 1) as u64);
        let number = self.unlink(slot);
        self.free -= 1;
        if slot != last {
            let moved = self.unlink(last);
            self.link(slot, moved);
        }
        Some(number)
    }

    /// Takes this number. `false` if it is not free.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        let slot = match (u128::from(number) < self.free, self.swapped.get(&number)) {
            (true, None) => number,
            (false, Some(hole)) => *hole,
            (true, Some(_)) | (false, None) => return false,
        };
        self.take_slot(u128::from(slot)).is_some()
    }

    /// Gives a taken number back. `false` if it was not taken.
    pub(crate) fn give(&mut self, number: u64) -> bool {
        if u128::from(number) >= self.size || (u128::from(number) < self.free) != self.swapped.contains_key(&number) {
            return false;
        }
        // A hole gets its own number back, and its stray needs a new place; any other number needs one itself.
        let homeless = self.unlink(number);
        let new_slot = self.free as u64;
        self.free += 1;
        if homeless != new_slot {
            // If the new slot's number is a stray, it comes home and leaves its hole to the homeless one.
            let hole = self.unlink(new_slot);
            self.link(hole, homeless);
        }
        true
    }

    /// What is swapped with `number`, or `number`; they are not swapped any more.
    fn unlink(&mut self, number: u64) -> u64 {
        match self.swapped.remove(&number) {
            Some(other) => {
                self.swapped.remove(&other);
                other
            }
            None => number,
        }
    }

    fn link(&mut self, hole: u64, stray: u64) {
        self.swapped.insert(hole, stray);
        self.swapped.insert(stray, hole);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    impl FreeSpace {
        fn check(&self) {
            assert!(self.swapped.len() as u128 <= 2 * (self.size - self.free));
            for (a, b) in &self.swapped {
                assert_eq!(self.swapped.get(b), Some(a));
                let (low, high) = (u128::from(*a.min(b)), u128::from(*a.max(b)));
                assert!(low < self.free && self.free <= high && high < self.size);
            }
        }

        /// The free numbers in slot order.
        fn free_numbers(&self) -> Vec<u64> {
            (0..self.free as u64).map(|slot| self.swapped.get(&slot).copied().unwrap_or(slot)).collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Op {
        TakeSlot(u64),
        Take(u64),
        Give(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => any::<u64>().prop_map(Op::TakeSlot),
            1 => any::<u64>().prop_map(Op::Take),
            3 => any::<u64>().prop_map(Op::Give),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_a_set(size in 1u64..12, ops in prop::collection::vec(op(), 0..80)) {
            let mut space = FreeSpace::new(u128::from(size));
            let mut free: BTreeSet<u64> = (0..size).collect();
            for op in ops {
                match op {
                    // One more than there are, so that refusals are met too.
                    Op::TakeSlot(slot) => match space.take_slot(u128::from(slot % (free.len() as u64 + 1))) {
                        Some(number) => prop_assert!(free.remove(&number)),
                        None => prop_assert_eq!(slot % (free.len() as u64 + 1), free.len() as u64),
                    },
                    Op::Take(number) => prop_assert_eq!(space.take(number % (size + 1)), free.remove(&(number % (size + 1)))),
                    Op::Give(number) => {
                        let number = number % (size + 1);
                        prop_assert_eq!(space.give(number), number < size && free.insert(number));
                    }
                }
                space.check();
                let listed = space.free_numbers();
                prop_assert_eq!(listed.len(), free.len());
                prop_assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), free.clone());
            }
        }
    }

    #[test]
    fn whole_range_of_64_bits() {
        let mut space = FreeSpace::new(1 << 64);
        assert_eq!(space.take_slot((1 << 64) - 1), Some(u64::MAX));
        assert_eq!(space.take_slot(0), Some(0));
        assert_eq!(space.take_slot(0), Some(u64::MAX - 1));
        assert!(space.give(u64::MAX) && space.give(0) && space.give(u64::MAX - 1));
        assert!(space.free() == 1 << 64 && space.swapped.is_empty());
    }
}
