use rand::{CryptoRng, Rng};

use crate::table::bits::Bits;

/// Up to this size a block's map is made at once, as it is no larger than the block's other data.
const SMALL: u128 = 512;
/// A larger one is made when more than one in this many numbers is taken, and dropped when less than a quarter of that.
const DENSE: u64 = 8;
/// Nothing larger is mapped: before half of its numbers are taken, the records fill the memory (a quarter of a terabyte).
const LARGEST: u128 = 1 << 32;
/// A naive pool has one block: up to this size, 16 MiB, its map is made at once.
const LARGEST_AT_ONCE: u128 = 1 << 27;
/// After so many draws that were taken already, the drawing ends another way.
const MAPPED_TRIES: u32 = 2;
const SPARSE_TRIES: u32 = 256;

/// The numbers below `size` that are taken, so that a free one can be drawn uniformly in O(1) at any occupancy.
///
/// While few are taken, numbers are drawn until one is free. Of what is dense, a map is kept that finds the n-th free
/// number. The map is filled little by little, 64 numbers with each that is taken or given, so that no call is slow. In
/// all it costs less than eleven look-ups a number that was taken, and one byte, four at most.
///
/// Which numbers are taken is known to the caller, who says it with `is_taken`.
#[derive(Debug)]
pub(crate) struct Space {
    size: u128,
    taken: u64,
    at_once: bool,
    map: Option<Map>,
}

#[derive(Debug)]
struct Map {
    bits: Bits,
    /// Below this the bits are right.
    filled: u64,
}

impl Space {
    /// None of the numbers below `size`, which is within 1 and 2^64, is taken. `alone` says that there will not be many
    /// such spaces.
    pub(crate) fn new(size: u128, alone: bool) -> Self {
        debug_assert!((1..=1 << 64).contains(&size));
        let at_once = size <= if alone { LARGEST_AT_ONCE } else { SMALL };
        let map = at_once.then(|| Map { bits: Bits::new(size as u64), filled: size as u64 });
        Self { size, taken: 0, at_once, map }
    }

    pub(crate) fn free(&self) -> u128 {
        self.size - u128::from(self.taken)
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.taken == 0
    }

    /// A free number, uniformly drawn; `None` if there is none. It is not taken by that.
    pub(crate) fn draw<R: CryptoRng + ?Sized>(&self, rng: &mut R, is_taken: impl Fn(u64) -> bool) -> Option<u64> {
        if self.free() == 0 {
            return None;
        }
        let any = |rng: &mut R| rng.random_range(0..=(self.size - 1) as u64);
        // Rejection does not change the distribution, nor does it if the other way is taken after so many of them.
        if let Some(map) = self.map.as_ref().filter(|map| u128::from(map.filled) == self.size) {
            for _ in 0..MAPPED_TRIES {
                let number = any(rng);
                if !map.bits.is_taken(number) {
                    return Some(number);
                }
            }
            return map.bits.nth_free(rng.random_range(0..self.free() as u64));
        }
        for _ in 0..SPARSE_TRIES {
            let number = any(rng);
            if !is_taken(number) {
                return Some(number);
            }
        }
        // At most half is taken: the generator is broken. The next free number is not uniform, but the search ends.
        let last = (self.size - 1) as u64;
        let start = any(rng);
        (start..=last).chain(0..start).find(|number| !is_taken(*number))
    }

    /// A free number has become taken, which `is_taken` says already.
    pub(crate) fn take(&mut self, number: u64, is_taken: impl Fn(u64) -> bool) {
        self.taken += 1;
        if self.map.is_none() && self.size <= LARGEST && self.taken > self.size as u64 / DENSE {
            self.map = Some(Map { bits: Bits::new(self.size as u64), filled: 0 });
        }
        if let Some(map) = &mut self.map {
            if number < map.filled {
                map.bits.take(number);
            }
            map.fill(self.size as u64, is_taken);
        }
    }

    /// A taken number has become free, which `is_taken` says already.
    pub(crate) fn give(&mut self, number: u64, is_taken: impl Fn(u64) -> bool) {
        self.taken -= 1;
        if !self.at_once && u128::from(self.taken) < self.size / u128::from(4 * DENSE) {
            self.map = None;
        }
        if let Some(map) = &mut self.map {
            if number < map.filled {
                map.bits.give(number);
            }
            map.fill(self.size as u64, is_taken);
        }
    }
}

impl Map {
    /// Fills in the next word.
    fn fill(&mut self, size: u64, is_taken: impl Fn(u64) -> bool) {
        let end = size.min(self.filled + 64);
        for number in self.filled..end {
            if is_taken(number) {
                self.bits.take(number);
            }
        }
        self.filled = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    impl Space {
        /// The map says what is taken, as far as it is filled.
        fn check(&self, taken: &BTreeSet<u64>) {
            assert_eq!(self.taken, taken.len() as u64);
            let Some(map) = &self.map else { return };
            for number in 0..map.filled {
                assert_eq!(map.bits.is_taken(number), taken.contains(&number));
            }
        }
    }

    proptest! {
        /// Filled and emptied to different degrees, again and again: through all states of the map.
        #[test]
        fn agrees_with_a_set(size in 1u64..3_000, alone: bool, seed: u64, levels in prop::collection::vec(0.0..1.1, 1..6)) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut space = Space::new(u128::from(size), alone);
            let mut taken = BTreeSet::new();
            for level in levels {
                let wanted = ((size as f64 * level) as usize).min(size as usize);
                while taken.len() < wanted {
                    let number = space.draw(&mut rng, |number| taken.contains(&number)).unwrap();
                    prop_assert!(number < size && taken.insert(number));
                    space.take(number, |number| taken.contains(&number));
                }
                space.check(&taken);
                while taken.len() > wanted {
                    let number = *taken.range(rng.random_range(0..size)..).next().or(taken.first()).unwrap();
                    taken.remove(&number);
                    space.give(number, |number| taken.contains(&number));
                }
                space.check(&taken);
                prop_assert_eq!(space.draw(&mut rng, |number| taken.contains(&number)).is_none(), taken.len() as u64 == size);
                prop_assert_eq!(space.free(), u128::from(size) - taken.len() as u128);
            }
        }
    }

    #[test]
    fn whole_range_of_64_bits() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut space = Space::new(1 << 64, false);
        space.take(u64::MAX, |number| number == u64::MAX);
        assert_eq!(space.free(), (1 << 64) - 1);
        let drawn: Vec<u64> = (0..64).map(|_| space.draw(&mut rng, |number| number == u64::MAX).unwrap()).collect();
        assert!(drawn.iter().any(|number| number >> 63 == 1) && drawn.iter().any(|number| number >> 63 == 0));
        space.give(u64::MAX, |_| false);
        assert!(space.is_untouched());
    }
}
