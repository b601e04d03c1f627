//! Which bytes of a body are asked for, there, or missing. Pure.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bytes::Bytes;

/// What is asked for at once, at most, bytes.
pub(super) const PIECE: u64 = 64 << 10;
/// Nothing is asked for that is further than this from what the application has read, bytes: the most that waits in memory.
const WINDOW: u64 = 8 << 20;
/// From a piece with less than this to go nothing is taken over, bytes.
const WORTH_TAKING: u64 = 32 << 10;

/// A piece that somebody asked for.
#[derive(Debug)]
struct Piece {
    owner: usize,
    /// What is still to come.
    rest: Range<u64>,
}

/// The state of one body.
#[derive(Debug)]
pub(super) struct Pieces {
    size: u64,
    /// Nobody was asked for what comes from here on.
    fresh: u64,
    /// What was asked for in vain: starts and ends.
    missing: BTreeMap<u64, u64>,
    under_way: HashMap<u64, Piece>,
    named: u64,
    /// What came, and was not read, by its start; nothing overlaps.
    there: BTreeMap<u64, Bytes>,
    read: u64,
}

impl Pieces {
    /// Of a body of this size.
    pub(super) fn new(size: u64) -> Self {
        let (missing, under_way, there) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Self { size, fresh: 0, missing, under_way, named: 0, there, read: 0 }
    }

    /// The first piece, up to here, is on its way to this owner: its name.
    pub(super) fn first(&mut self, owner: usize, end: u64) -> u64 {
        self.fresh = end.min(self.size);
        self.named += 1;
        self.under_way.insert(self.named, Piece { owner, rest: 0..self.fresh });
        self.named
    }

    /// Whether all has come.
    pub(super) fn is_complete(&self) -> bool {
        self.fresh == self.size && self.missing.is_empty() && self.under_way.is_empty()
    }

    /// What to ask for next: what comes first of what nobody is asked for, or, at the end, the second half of what has most to come
    /// with another owner. Its name, and the bytes.
    pub(super) fn take(&mut self, owner: usize) -> Option<(u64, Range<u64>)> {
        let range = if let Some((start, end)) = self.missing.pop_first() {
            let stop = end.min(start + PIECE);
            if stop < end {
                self.missing.insert(stop, end);
            }
            start..stop
        } else if self.fresh < self.size.min(self.read + WINDOW) {
            let start = self.fresh;
            self.fresh = self.size.min(start + PIECE);
            start..self.fresh
        } else if self.fresh == self.size {
            let others = self.under_way.values_mut().filter(|piece| piece.owner != owner);
            let longest = others.max_by_key(|piece| piece.rest.end - piece.rest.start)?;
            let Range { start, end } = longest.rest;
            if end - start < WORTH_TAKING {
                return None;
            }
            longest.rest.end = start.midpoint(end);
            longest.rest.end..end
        } else {
            return None;
        };
        self.named += 1;
        self.under_way.insert(self.named, Piece { owner, rest: range.clone() });
        Some((self.named, range))
    }

    /// How much this owner is waiting for, and all together, bytes.
    pub(super) fn expected(&self, owner: usize) -> (u64, u64) {
        self.under_way.values().fold((0, 0), |(own, all), piece| {
            let rest = piece.rest.end - piece.rest.start;
            (if piece.owner == owner { own + rest } else { own }, all + rest)
        })
    }

    /// More of a piece came. False if nothing more of it is wanted.
    pub(super) fn arrived(&mut self, name: u64, mut bytes: Bytes) -> bool {
        let Some(piece) = self.under_way.get_mut(&name) else { return false };
        bytes.truncate(usize::try_from(piece.rest.end - piece.rest.start).unwrap_or(usize::MAX));
        if !bytes.is_empty() {
            let start = piece.rest.start;
            piece.rest.start += bytes.len() as u64;
            self.there.insert(start, bytes);
        }
        if piece.rest.start < piece.rest.end {
            return true;
        }
        self.under_way.remove(&name);
        false
    }

    /// Nothing more of a piece will come; what is missing is asked for again.
    pub(super) fn failed(&mut self, name: u64) {
        if let Some(piece) = self.under_way.remove(&name)
            && !piece.rest.is_empty()
        {
            self.missing.insert(piece.rest.start, piece.rest.end);
        }
    }

    /// The same of all that this owner asked for.
    pub(super) fn disown(&mut self, owner: usize) {
        let of_owner = self.under_way.iter().filter(|(_, piece)| piece.owner == owner).map(|(name, _)| *name);
        for name in of_owner.collect::<Vec<_>>() {
            self.failed(name);
        }
    }

    /// The next bytes in order, if they are there. What was read is no longer kept.
    pub(super) fn read(&mut self) -> Option<Bytes> {
        let bytes = self.there.remove(&self.read)?;
        self.read += bytes.len() as u64;
        Some(bytes)
    }

    /// Whether all has been read.
    pub(super) fn is_read(&self) -> bool {
        self.read == self.size
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(range: Range<u64>) -> Bytes {
        range.map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
    }

    #[test]
    fn nothing_is_asked_for_far_ahead() {
        let mut pieces = Pieces::new(100 << 20);
        let mut asked = 0;
        while let Some((name, range)) = pieces.take(0) {
            asked += range.end - range.start;
            pieces.arrived(name, content(range));
        }
        assert_eq!(asked, WINDOW);
        assert_eq!(pieces.read().unwrap(), content(0..PIECE));
        assert!(pieces.take(0).is_some());
    }

    #[test]
    fn at_the_end_half_is_taken_over() {
        let mut pieces = Pieces::new(60_000);
        let (slow, all) = pieces.take(0).unwrap();
        assert_eq!(all, 0..60_000);
        assert!(pieces.take(0).is_none(), "not from oneself");
        assert!(pieces.arrived(slow, content(0..20_000)));
        let (fast, half) = pieces.take(1).unwrap();
        assert_eq!(half, 40_000..60_000);
        assert_eq!(pieces.expected(1), (20_000, 40_000));
        assert!(!pieces.arrived(fast, content(half)));
        assert!(!pieces.arrived(slow, content(20_000..50_000)), "the rest is not wanted");
        assert!(pieces.is_complete());
    }

    proptest! {
        /// Whoever asks, fails, takes over and reads, in whatever order: the body is read whole and in order, none of it twice.
        #[test]
        fn the_body_is_whole(
            size in 0..600_000u64,
            steps in proptest::collection::vec((0..5u8, 0..3usize, 1..200_000u64), 0..200),
        ) {
            let mut pieces = Pieces::new(size);
            let mut open: Vec<(usize, u64, Range<u64>)> = Vec::new();
            let mut read = Vec::new();
            // After the random steps somebody does what is left.
            let rest = (0..).flat_map(|_| [(0, 0, 0), (1, 0, u64::MAX), (4, 0, 0)]).take(1000);
            for (step, number, amount) in steps.into_iter().chain(rest) {
                match step {
                    0 => open.extend(pieces.take(number).map(|(name, range)| (number, name, range))),
                    1 if !open.is_empty() => {
                        let index = number % open.len();
                        let (_, name, range) = &mut open[index];
                        let stop = range.end.min(range.start.saturating_add(amount));
                        let more = pieces.arrived(*name, content(range.start..stop));
                        range.start = stop;
                        prop_assert!(!(more && range.is_empty()));
                        if !more {
                            open.remove(index);
                        }
                    }
                    2 if !open.is_empty() => {
                        let (_, name, _) = open.remove(number % open.len());
                        pieces.failed(name);
                    }
                    3 => {
                        pieces.disown(number);
                        open.retain(|(owner, _, _)| *owner != number);
                        prop_assert_eq!(pieces.expected(number).0, 0);
                    }
                    _ => while let Some(bytes) = pieces.read() {
                        read.extend_from_slice(&bytes);
                    },
                }
            }
            prop_assert!(pieces.is_complete() && pieces.is_read());
            prop_assert_eq!(Bytes::from(read), content(0..size));
        }
    }
}
