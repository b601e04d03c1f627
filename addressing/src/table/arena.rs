use std::ops::{Index, IndexMut};

use slab::Slab;

/// Items per chunk.
pub(crate) const CHUNK: usize = 4096;

/// A slab that grows chunk by chunk: it never copies what it holds, and never has twice the room that it needs.
pub(crate) struct Arena<T> {
    chunks: Vec<Slab<T>>,
    /// Chunks that are not full.
    vacant: Vec<u32>,
    len: usize,
}

impl<T> Arena<T> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), vacant: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot fits 32 bits as long as the caller keeps [`len`](Self::len) within 2^32: gaps are filled first.
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        let chunk = match self.vacant.last() {
            Some(chunk) => *chunk as usize,
            None => {
                self.chunks.push(Slab::with_capacity(CHUNK));
                self.vacant.push(self.chunks.len() as u32 - 1);
                self.chunks.len() - 1
            }
        };
        let slot = self.chunks[chunk].insert(item);
        self.len += 1;
        if self.chunks[chunk].len() == CHUNK {
            self.vacant.pop();
        }
        (chunk * CHUNK + slot) as u32
    }

    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let (chunk, slot) = split(slot);
        if self.chunks[chunk].len() == CHUNK {
            self.vacant.push(chunk as u32);
        }
        self.len -= 1;
        self.chunks[chunk].remove(slot)
    }

    /// All items from this slot on, in the order of their slots.
    pub(crate) fn iter_from(&self, slot: u32) -> impl Iterator<Item = (u32, &T)> {
        let (first, in_first) = split(slot);
        self.chunks.iter().enumerate().skip(first).flat_map(move |(chunk, items)| {
            let start = if chunk == first { in_first } else { 0 };
            (start..CHUNK).filter_map(move |slot| Some(((chunk * CHUNK + slot) as u32, items.get(slot)?)))
        })
    }
}

fn split(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    fn index(&self, slot: u32) -> &T {
        let (chunk, slot) = split(slot);
        &self.chunks[chunk][slot]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        let (chunk, slot) = split(slot);
        &mut self.chunks[chunk][slot]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn agrees_with_a_map() {
        let (mut arena, mut map) = (Arena::new(), BTreeMap::new());
        let add = |arena: &mut Arena<u32>, map: &mut BTreeMap<u32, u32>, n: u32| {
            for item in 0..n {
                assert_eq!(map.insert(arena.insert(item), item), None);
            }
        };
        add(&mut arena, &mut map, 10_000);
        for slot in (0..10_000).step_by(3) {
            assert_eq!(Some(arena.remove(slot)), map.remove(&slot));
        }
        add(&mut arena, &mut map, 5_000);
        assert_eq!((arena.len(), arena.chunks.len()), (map.len(), 3));
        for from in [0, 1, 4_095, 4_096, 4_097, 11_000, 20_000] {
            let listed: Vec<(u32, u32)> = arena.iter_from(from).map(|(slot, item)| (slot, *item)).collect();
            assert_eq!(listed, map.range(from..).map(|(slot, item)| (*slot, *item)).collect::<Vec<_>>());
        }
        arena[7] += 1;
        assert_eq!(arena[7], map[&7] + 1);
    }
}
