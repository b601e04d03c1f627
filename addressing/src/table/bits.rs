/// Children of a node of the counting tree.
const FAN_OUT: u64 = 16;
/// log2 of what a node of the lowest level spans: 16 words of 64 bits.
const LOWEST: u32 = 10;

/// A bit for each number below `len`, set if it is taken, under a tree of counts that finds the n-th free one.
///
/// Each step of the tree reads one or two cache lines; there are five at 2^27 numbers. Memory is an eighth of a byte a
/// number and 3% of that, and is not touched before it is used.
#[derive(Debug)]
pub(crate) struct Bits {
    len: u64,
    words: Vec<u64>,
    /// How many are taken under each node; level `n` spans 2^(10 + 4n) numbers. The highest has 16 nodes at most.
    levels: Vec<Vec<u32>>,
}

impl Bits {
    /// All are free; `len` is at most 2^32.
    pub(crate) fn new(len: u64) -> Self {
        debug_assert!(len <= 1 << 32);
        let words = len.div_ceil(64);
        let mut levels = Vec::new();
        let mut nodes = words;
        while nodes > FAN_OUT {
            nodes = nodes.div_ceil(FAN_OUT);
            levels.push(vec![0; nodes as usize]);
        }
        Self { len, words: vec![0; words as usize], levels }
    }

    pub(crate) fn is_taken(&self, number: u64) -> bool {
        self.words[(number / 64) as usize] >> (number % 64) & 1 == 1
    }

    pub(crate) fn take(&mut self, number: u64) {
        debug_assert!(number < self.len && !self.is_taken(number));
        self.words[(number / 64) as usize] |= 1 << (number % 64);
        for (level, counts) in self.levels.iter_mut().enumerate() {
            counts[(number >> shift(level)) as usize] += 1;
        }
    }

    pub(crate) fn give(&mut self, number: u64) {
        debug_assert!(self.is_taken(number));
        self.words[(number / 64) as usize] &= !(1 << (number % 64));
        for (level, counts) in self.levels.iter_mut().enumerate() {
            counts[(number >> shift(level)) as usize] -= 1;
        }
    }

    /// The free number that has `rank` free ones below it; `None` if there is none.
    pub(crate) fn nth_free(&self, mut rank: u64) -> Option<u64> {
        let mut node = 0;
        for (level, counts) in self.levels.iter().enumerate().rev() {
            let span = 1 << shift(level);
            let children = (node * FAN_OUT) as usize..counts.len().min(((node + 1) * FAN_OUT) as usize);
            node = descend(children, &mut rank, |child| {
                span.min(self.len - child as u64 * span) - u64::from(counts[child])
            })?;
        }
        let children = (node * FAN_OUT) as usize..self.words.len().min(((node + 1) * FAN_OUT) as usize);
        let word = descend(children, &mut rank, |word| {
            64.min(self.len - word as u64 * 64) - u64::from(self.words[word].count_ones())
        })?;
        // What is behind the end is free too, but comes after all that counts.
        let mut free = !self.words[word as usize];
        for _ in 0..rank {
            free &= free - 1;
        }
        Some(word * 64 + u64::from(free.trailing_zeros()))
    }
}

fn shift(level: usize) -> u32 {
    LOWEST + FAN_OUT.ilog2() * level as u32
}

/// The child that holds the free number of this rank, which becomes the rank within the child.
fn descend(children: std::ops::Range<usize>, rank: &mut u64, free: impl Fn(usize) -> u64) -> Option<u64> {
    for child in children {
        let in_child = free(child);
        if *rank < in_child {
            return Some(child as u64);
        }
        *rank -= in_child;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Up to three levels.
        #[test]
        fn agrees_with_a_set(len in 1u64..400_000, numbers in prop::collection::vec(any::<u64>(), 1..200), give: u64) {
            let mut bits = Bits::new(len);
            let mut taken: BTreeSet<u64> = numbers.iter().map(|number| number % len).collect();
            // A run that fills words and nodes.
            let start = give % len;
            taken.extend(start..len.min(start + give % 5_000));
            taken.iter().for_each(|number| bits.take(*number));
            for number in numbers.iter().take((give % 200) as usize).map(|number| number % len) {
                if taken.remove(&number) {
                    bits.give(number);
                }
            }
            let free: Vec<u64> = (0..len).filter(|number| !taken.contains(number)).collect();
            prop_assert_eq!(bits.nth_free(free.len() as u64), None);
            for rank in (0..free.len()).step_by(1 + free.len() / 500) {
                prop_assert_eq!(bits.nth_free(rank as u64), Some(free[rank]));
                prop_assert!(!bits.is_taken(free[rank]));
            }
        }
    }

    #[test]
    fn full_and_largest() {
        let mut bits = Bits::new(1_000);
        (0..1_000).for_each(|number| bits.take(number));
        assert_eq!(bits.nth_free(0), None);
        bits.give(999);
        assert_eq!(bits.nth_free(0), Some(999));
        // 528 MiB, of which a few pages are touched.
        let mut bits = Bits::new(1 << 32);
        bits.take(0);
        bits.take((1 << 32) - 1);
        assert_eq!(bits.nth_free(0), Some(1));
        assert_eq!(bits.nth_free((1 << 32) - 3), Some((1 << 32) - 2));
        assert_eq!(bits.nth_free((1 << 32) - 2), None);
    }
}
