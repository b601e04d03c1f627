use std::{
    collections::{BTreeSet, VecDeque},
    hash::{BuildHasher, Hash},
    time::Duration,
};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use rand::{CryptoRng, Rng};
use slab::Slab;

use crate::{LeasePolicy, LeaseState, NotHeld, Occupancy, Refusal, Time, space::FreeSpace, time::millis};

/// An address as the table sees it: a number within a block. All blocks have the same size; an alias pool has one
/// block an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) block: u32,
    pub(crate) index: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<C, L> {
    pub(crate) key: Key,
    pub(crate) state: LeaseState,
    pub(crate) deadline: Time,
    pub(crate) client: Option<C>,
    pub(crate) location: L,
}

/// What happened to a record in [`LeaseTable::advance`].
pub(crate) enum Step<C, L> {
    Expired(Record<C, L>),
    RemoveRules(Record<C, L>),
    Freed(Key),
}

struct Block {
    free: FreeSpace,
    /// Addresses leased or in grace.
    live: u32,
}

/// All addresses that are not free: who has them and what they wait for.
///
/// A taken address costs a record, two entries in its block's `swapped`, one in `by_key`, and one in the structure of
/// its state: about 160 bytes at a million addresses. Grace and cool-down have one length each and cannot be cut short,
/// so their deadlines come in order and a queue is enough; only leases, whose lifetimes are drawn, need to be sorted.
pub(crate) struct LeaseTable<C, L> {
    policy: LeasePolicy,
    block_size: u128,
    records: Slab<Record<C, L>>,
    by_key: HashTable<u32>,
    hasher: DefaultHashBuilder,
    blocks: HashMap<u32, Block>,
    held: HashMap<C, u32>,
    leased: BTreeSet<(Time, u32)>,
    grace: VecDeque<u32>,
    cooling: VecDeque<u32>,
}

impl<C: Copy + Eq + Hash, L: Copy> LeaseTable<C, L> {
    pub(crate) fn new(policy: LeasePolicy, block_size: u128) -> Self {
        Self {
            policy,
            block_size,
            records: Slab::new(),
            by_key: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            blocks: HashMap::new(),
            held: HashMap::new(),
            leased: BTreeSet::new(),
            grace: VecDeque::new(),
            cooling: VecDeque::new(),
        }
    }

    /// Leases `count` addresses, each drawn uniformly from the free ones in `blocks`, which are distinct.
    pub(crate) fn acquire<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        location: L,
        blocks: &[u32],
        count: u32,
    ) -> Result<(Vec<Key>, Time, Duration), Refusal> {
        if count == 0 {
            return Err(Refusal::Empty);
        }
        let held = self.held.get(&client).copied().unwrap_or(0);
        let quota = self.policy.quota;
        if count > quota.saturating_sub(held) {
            return Err(Refusal::Quota { count, held, quota });
        }
        let mut free: u128 = blocks.iter().map(|block| self.free_in(*block)).sum();
        let room = u128::from(u32::MAX) - self.records.len() as u128;
        if u128::from(count) > free.min(room) {
            let never = u128::from(count) > self.block_size * blocks.len() as u128;
            let retry_after = if never { None } else { self.next_free(now) };
            return Err(Refusal::Exhausted { count, free, retry_after });
        }
        let lifetime = self.draw_lifetime(rng);
        let expires = now + lifetime;
        let mut keys = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let mut slot = rng.random_range(0..free);
            for block in blocks {
                let in_block = self.free_in(*block);
                if slot >= in_block {
                    slot -= in_block;
                    continue;
                }
                if let Some(index) = self.block(*block).free.take_slot(slot) {
                    let key = Key { block: *block, index };
                    self.insert(key, Some(client), location, expires);
                    keys.push(key);
                }
                break;
            }
            free -= 1;
        }
        Ok((keys, expires, lifetime))
    }

    /// Takes this address out of the free ones, leased until `expires`. `false` if it is not free.
    pub(crate) fn adopt(&mut self, key: Key, client: Option<C>, location: L, expires: Time) -> bool {
        let free = u128::from(key.index) < self.block_size
            && self.records.len() < u32::MAX as usize
            && self.block(key.block).free.take(key.index);
        if free {
            self.insert(key, client, location, expires);
        }
        free
    }

    /// The slot of an address that is leased to the client and has not expired.
    pub(crate) fn held_by(&self, now: Time, client: C, key: Key) -> Result<u32, NotHeld> {
        let slot = self.find(key).ok_or(NotHeld)?;
        let record = &self.records[slot as usize];
        let held = record.state == LeaseState::Leased && record.client == Some(client) && record.deadline > now;
        if held { Ok(slot) } else { Err(NotHeld) }
    }

    /// Prolongs leases until at least `expires`; a renewal never shortens one. Returns the first of the new ends.
    pub(crate) fn prolong(&mut self, slots: &[u32], expires: Time) -> Option<Time> {
        for slot in slots {
            let record = &mut self.records[*slot as usize];
            if record.deadline < expires {
                self.leased.remove(&(record.deadline, *slot));
                record.deadline = expires;
                self.leased.insert((expires, *slot));
            }
        }
        slots.iter().map(|slot| self.records[*slot as usize].deadline).min()
    }

    /// Ends a lease now; its grace begins. `None` if the address is not leased.
    pub(crate) fn end(&mut self, now: Time, key: Key) -> Option<Record<C, L>> {
        let slot = self.find(key)?;
        let record = &mut self.records[slot as usize];
        if record.state != LeaseState::Leased {
            return None;
        }
        self.leased.remove(&(record.deadline, slot));
        record.state = LeaseState::Grace;
        record.deadline = now + self.policy.grace;
        self.grace.push_back(slot);
        Some(*record)
    }

    /// No switch has a rule for the address any more: its cool-down begins. `false` if it was not to be removed.
    pub(crate) fn rules_removed(&mut self, now: Time, key: Key) -> bool {
        let Some(slot) = self.find(key) else { return false };
        let record = &mut self.records[slot as usize];
        if record.state != LeaseState::Removing {
            return false;
        }
        record.state = LeaseState::Cooling;
        record.deadline = now + self.policy.cool_down;
        self.cooling.push_back(slot);
        if let Some(client) = record.client.take() {
            self.count_down(client);
        }
        true
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Time, mut step: impl FnMut(Step<C, L>)) {
        while let Some((_, slot)) = self.leased.first().copied().filter(|(deadline, _)| *deadline <= now) {
            let key = self.records[slot as usize].key;
            if let Some(record) = self.end(now, key) {
                step(Step::Expired(record));
            }
        }
        while let Some(slot) = due(&self.records, &mut self.grace, now) {
            let record = &mut self.records[slot as usize];
            record.state = LeaseState::Removing;
            let record = *record;
            self.block(record.key.block).live -= 1;
            step(Step::RemoveRules(record));
        }
        while let Some(slot) = due(&self.records, &mut self.cooling, now) {
            let key = self.free(slot);
            step(Step::Freed(key));
        }
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let (leased, grace, cooling) = self.fronts();
        [leased, grace, cooling].into_iter().flatten().min()
    }

    /// Whether an address of this block is leased or in grace.
    pub(crate) fn is_live(&self, block: u32) -> bool {
        self.blocks.get(&block).is_some_and(|block| block.live > 0)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Record<C, L>> {
        Some(&self.records[self.find(key)? as usize])
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record<C, L>> {
        self.records.iter().map(|(_, record)| record)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let (leased, grace, cooling) = (self.leased.len(), self.grace.len(), self.cooling.len());
        Occupancy { leased, grace, cooling, removing: self.records.len() - leased - grace - cooling }
    }

    pub(crate) fn policy(&self) -> &LeasePolicy {
        &self.policy
    }

    /// t_ip, drawn from its range.
    pub(crate) fn draw_lifetime<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Duration {
        let (min, max) = (millis(self.policy.lifetime_min), millis(self.policy.lifetime_max));
        Duration::from_millis(rng.random_range(min..=max.max(min)))
    }

    /// How many addresses of a block are free.
    fn free_in(&self, block: u32) -> u128 {
        self.blocks.get(&block).map_or(self.block_size, |block| block.free.free())
    }

    fn block(&mut self, block: u32) -> &mut Block {
        let size = self.block_size;
        self.blocks.entry(block).or_insert_with(|| Block { free: FreeSpace::new(size), live: 0 })
    }

    /// Enters an address that was just taken from its block.
    fn insert(&mut self, key: Key, client: Option<C>, location: L, expires: Time) {
        let record = Record { key, state: LeaseState::Leased, deadline: expires, client, location };
        // Fits: the callers keep the table below 2^32 records, and a slab fills its gaps first.
        let slot = self.records.insert(record) as u32;
        let (records, hasher) = (&self.records, &self.hasher);
        self.by_key.insert_unique(hasher.hash_one(key), slot, |slot| hasher.hash_one(records[*slot as usize].key));
        self.leased.insert((expires, slot));
        self.block(key.block).live += 1;
        if let Some(client) = client {
            *self.held.entry(client).or_insert(0) += 1;
        }
    }

    fn free(&mut self, slot: u32) -> Key {
        let key = self.records.remove(slot as usize).key;
        if let Ok(entry) = self.by_key.find_entry(self.hasher.hash_one(key), |other| *other == slot) {
            entry.remove();
        }
        let block = self.block(key.block);
        block.free.give(key.index);
        if block.free.is_untouched() {
            self.blocks.remove(&key.block);
        }
        key
    }

    fn find(&self, key: Key) -> Option<u32> {
        self.by_key.find(self.hasher.hash_one(key), |slot| self.records[*slot as usize].key == key).copied()
    }

    fn count_down(&mut self, client: C) {
        if let Some(held) = self.held.get_mut(&client) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&client);
            }
        }
    }

    /// The first deadline in each timed state.
    fn fronts(&self) -> (Option<Time>, Option<Time>, Option<Time>) {
        let front = |queue: &VecDeque<u32>| queue.front().map(|slot| self.records[*slot as usize].deadline);
        (self.leased.first().map(|(deadline, _)| *deadline), front(&self.grace), front(&self.cooling))
    }

    /// How long until another address can be free at the soonest; at least a millisecond.
    fn next_free(&self, now: Time) -> Option<Duration> {
        let LeasePolicy { grace: t_remove, cool_down, .. } = self.policy;
        let (leased, grace, cooling) = self.fronts();
        let removing = (self.occupancy().removing > 0).then_some(now + cool_down);
        let soonest = [leased.map(|t| t + t_remove + cool_down), grace.map(|t| t + cool_down), removing, cooling];
        let soonest = soonest.into_iter().flatten().min()?;
        Some(soonest.since(now).max(Duration::from_millis(1)))
    }
}

/// The next of the queue if its deadline has come.
fn due<C, L>(records: &Slab<Record<C, L>>, queue: &mut VecDeque<u32>, now: Time) -> Option<u32> {
    let slot = *queue.front()?;
    if records[slot as usize].deadline > now {
        return None;
    }
    queue.pop_front()
}
