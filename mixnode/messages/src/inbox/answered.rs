//! Reply blocks that were answered.
//!
//! A block has the header of the packet that answers with it. Who answers twice sends the same header twice, and the first node on the way, its own
//! provider, looks for just that. A provider that hands out a payload again, in bad faith or as the connection broke off, would learn that it holds a
//! message, and which packet is the acknowledgement. A sender who misses one gives another block.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

/// So many are remembered, 3 MB; of more, the oldest are forgotten.
const MOST: usize = 65_536;

/// Half of a block's SHA-256.
type Name = [u8; 16];

#[derive(Default)]
pub(super) struct Answered {
    names: HashSet<Name>,
    order: VecDeque<Name>,
}

impl Answered {
    /// Whether this is the first answer to a block. From now on there was one.
    pub(super) fn is_first(&mut self, block: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(block).into();
        let name = *digest.first_chunk().unwrap_or(&[0; 16]);
        if !self.names.insert(name) {
            return false;
        }
        self.order.push_back(name);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut answered = Answered::default();
        for block in 0..=MOST {
            assert!(answered.is_first(&block.to_be_bytes()));
            assert!(!answered.is_first(&block.to_be_bytes()));
        }
        assert_eq!((answered.names.len(), answered.order.len()), (MOST, MOST));
        assert!(!answered.is_first(&1usize.to_be_bytes()));
        assert!(answered.is_first(&0usize.to_be_bytes()));
    }
}
