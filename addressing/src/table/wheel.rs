use crate::{
    Time,
    table::record::{List, Records},
};

/// Milliseconds of a tick, as a power of two; the ticks of a turn likewise.
const TICK_BITS: u32 = 8;
const TICK: usize = 1 << TICK_BITS;
const TURN: usize = 1 << 14;

/// Records in the order of their deadlines: a hashed timing wheel, O(1) to enter, to leave and to expire.
///
/// The tick that runs is spread over one list a millisecond; each of the 16,383 ticks after it has one list. What ends
/// more than a turn (70 minutes) ahead shares the list of an earlier tick and is passed over when that comes, once a
/// turn. So at most what ends within a quarter of a second is looked at in one go.
pub(crate) struct Wheel {
    /// All that was due then has been popped.
    elapsed: u64,
    /// Empty until first used: most pools are small.
    fine: Vec<List>,
    coarse: Vec<Tick>,
    /// Which lists are not empty.
    fine_used: [u64; TICK / 64],
    coarse_used: [u64; TURN / 64],
}

#[derive(Clone, Copy)]
struct Tick {
    list: List,
    /// No deadline in the list is earlier.
    soonest: u64,
}

enum Place {
    Fine(usize),
    Coarse(usize),
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            elapsed: 0,
            fine: Vec::new(),
            coarse: Vec::new(),
            fine_used: [0; TICK / 64],
            coarse_used: [0; TURN / 64],
        }
    }

    pub(crate) fn insert<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        if self.fine.is_empty() {
            self.fine = vec![List::EMPTY; TICK];
            self.coarse = vec![Tick { list: List::EMPTY, soonest: u64::MAX }; TURN];
        }
        let deadline = records[slot].deadline.as_millis();
        match self.place(deadline) {
            Place::Fine(at) => {
                self.fine[at].push_back(records, slot);
                self.fine_used[at / 64] |= 1 << (at % 64);
            }
            Place::Coarse(at) => {
                let tick = &mut self.coarse[at];
                tick.list.push_back(records, slot);
                tick.soonest = tick.soonest.min(deadline);
                self.coarse_used[at / 64] |= 1 << (at % 64);
            }
        }
    }

    /// The record's deadline must be the one that it was entered with.
    pub(crate) fn remove<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        match self.place(records[slot].deadline.as_millis()) {
            Place::Fine(at) => self.remove_fine(records, at, slot),
            Place::Coarse(at) => {
                self.coarse[at].list.remove(records, slot);
                if self.coarse[at].list.first().is_none() {
                    self.take(at);
                }
            }
        }
    }

    /// Takes out a record whose deadline has come. To be called until there is none.
    pub(crate) fn pop_due<C, L>(&mut self, records: &mut Records<C, L>, now: Time) -> Option<u32> {
        let now = now.as_millis().max(self.elapsed);
        loop {
            if let Some(at) = next_bit(&self.fine_used, 0) {
                let time = self.elapsed >> TICK_BITS << TICK_BITS | at as u64;
                if time > now {
                    self.elapsed = now;
                    return None;
                }
                let slot = self.fine[at].first()?;
                self.remove_fine(records, at, slot);
                return Some(slot);
            }
            let running = self.elapsed >> TICK_BITS;
            match self.next_tick() {
                // No tick is passed over twice, however far the clock has jumped.
                Some(tick) if tick <= now >> TICK_BITS => {
                    let jumped = (now >> TICK_BITS) - running >= TURN as u64;
                    self.elapsed = if jumped { now } else { tick << TICK_BITS };
                    if jumped {
                        self.enter_all(records);
                    } else {
                        self.enter_again(records, tick as usize % TURN);
                    }
                }
                _ => {
                    self.elapsed = now;
                    return None;
                }
            }
        }
    }

    /// No deadline is earlier, and one is now or within a turn; `None` if there is none.
    pub(crate) fn next(&self) -> Option<Time> {
        if let Some(at) = next_bit(&self.fine_used, 0) {
            return Some(Time::from_millis(self.elapsed >> TICK_BITS << TICK_BITS | at as u64));
        }
        let tick = self.next_tick()?;
        let soonest = self.coarse[tick as usize % TURN].soonest;
        let start = tick << TICK_BITS;
        Some(Time::from_millis(if soonest >> TICK_BITS == tick { soonest } else { start }))
    }

    fn place(&self, deadline: u64) -> Place {
        let time = deadline.max(self.elapsed);
        let tick = time >> TICK_BITS;
        if tick == self.elapsed >> TICK_BITS {
            Place::Fine(time as usize % TICK)
        } else {
            Place::Coarse(tick as usize % TURN)
        }
    }

    /// The next tick that has a list, after the one that runs.
    fn next_tick(&self) -> Option<u64> {
        let running = self.elapsed >> TICK_BITS;
        let from = (running as usize + 1) % TURN;
        let at = next_bit(&self.coarse_used, from).or_else(|| next_bit(&self.coarse_used, 0))?;
        Some(running + 1 + ((at + TURN - from) % TURN) as u64)
    }

    fn remove_fine<C, L>(&mut self, records: &mut Records<C, L>, at: usize, slot: u32) {
        self.fine[at].remove(records, slot);
        if self.fine[at].first().is_none() {
            self.fine_used[at / 64] &= !(1 << (at % 64));
        }
    }

    /// Empties a tick's list.
    fn take(&mut self, at: usize) -> List {
        self.coarse_used[at / 64] &= !(1 << (at % 64));
        std::mem::replace(&mut self.coarse[at], Tick { list: List::EMPTY, soonest: u64::MAX }).list
    }

    fn enter_again<C, L>(&mut self, records: &mut Records<C, L>, at: usize) {
        let mut list = self.take(at);
        while let Some(slot) = list.pop_front(records) {
            self.insert(records, slot);
        }
    }

    fn enter_all<C, L>(&mut self, records: &mut Records<C, L>) {
        let mut lists = Vec::new();
        while let Some(at) = next_bit(&self.coarse_used, 0) {
            lists.push(self.take(at));
        }
        for mut list in lists {
            while let Some(slot) = list.pop_front(records) {
                self.insert(records, slot);
            }
        }
    }
}

/// The first bit that is set, from one on.
fn next_bit(words: &[u64], from: usize) -> Option<usize> {
    let first = words.get(from / 64)? >> (from % 64) << (from % 64);
    let rest = words.iter().copied().enumerate().skip(from / 64 + 1);
    let (word, bits) = std::iter::once((from / 64, first)).chain(rest).find(|(_, bits)| *bits != 0)?;
    Some(word * 64 + bits.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        LeaseState,
        table::record::{Links, Record},
    };

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u64),
        Remove(prop::sample::Index),
        Pass(u64),
    }

    /// Times from a millisecond to many turns.
    fn span() -> impl Strategy<Value = u64> {
        (0u32..28, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            5 => span().prop_map(Op::Insert),
            1 => any::<prop::sample::Index>().prop_map(Op::Remove),
            2 => span().prop_map(Op::Pass),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_a_sorted_set(start in span(), ops in prop::collection::vec(op(), 0..60)) {
            let (mut records, mut wheel) = (Records::<u32, ()>::new(), Wheel::new());
            let mut waiting = BTreeSet::new();
            let mut now = start;
            for op in ops {
                match op {
                    // Some are past.
                    Op::Insert(ahead) => {
                        let deadline = Time::from_millis((now + ahead).saturating_sub(3));
                        let slot = records.insert(Record {
                            index: 0,
                            deadline,
                            block: 0,
                            timed: Links::NONE,
                            of_client: Links::NONE,
                            client: None,
                            location: (),
                            state: LeaseState::Leased,
                            first: false,
                        });
                        wheel.insert(&mut records, slot);
                        waiting.insert((deadline, slot));
                    }
                    Op::Remove(nth) if !waiting.is_empty() => {
                        let entry = *nth.get(&waiting.iter().copied().collect::<Vec<_>>());
                        waiting.remove(&entry);
                        wheel.remove(&mut records, entry.1);
                        records.remove(entry.1);
                    }
                    Op::Remove(_) => {}
                    Op::Pass(time) => {
                        now += time;
                        let mut popped = BTreeSet::new();
                        while let Some(slot) = wheel.pop_due(&mut records, Time::from_millis(now)) {
                            popped.insert((records.remove(slot).deadline, slot));
                        }
                        let rest = waiting.split_off(&(Time::from_millis(now + 1), 0));
                        prop_assert_eq!(popped, std::mem::replace(&mut waiting, rest));
                        prop_assert!(wheel.next().is_none_or(|next| next.as_millis() > now));
                    }
                }
                let first = waiting.first().map(|(deadline, _)| *deadline);
                prop_assert_eq!(wheel.next().is_some(), first.is_some());
                // A past deadline counts as one of now.
                prop_assert!(wheel.next() <= first.map(|first| first.max(Time::from_millis(now))));
            }
        }
    }

    #[test]
    fn the_end_of_time_comes() {
        let (mut records, mut wheel) = (Records::<u32, ()>::new(), Wheel::new());
        let end = Time::from_millis(u64::MAX);
        let record = |deadline| Record {
            index: 0,
            deadline,
            block: 0,
            timed: Links::NONE,
            of_client: Links::NONE,
            client: None,
            location: (),
            state: LeaseState::Leased,
            first: false,
        };
        let slot = records.insert(record(end));
        wheel.insert(&mut records, slot);
        assert_eq!(wheel.pop_due(&mut records, Time::from_millis(u64::MAX - 1)), None);
        assert_eq!(wheel.next(), Some(end));
        assert_eq!(wheel.pop_due(&mut records, end), Some(slot));
        wheel.insert(&mut records, slot);
        assert_eq!(wheel.pop_due(&mut records, end), Some(slot));
        assert_eq!(wheel.next(), None);
    }
}
