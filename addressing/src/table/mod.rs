//! All addresses that are not free: who has them and what they wait for.

mod arena;
mod bits;
mod blocks;
mod clients;
mod index;
mod record;
mod space;
mod timers;
mod wheel;

use std::hash::Hash;

use rand::CryptoRng;

use crate::{
    Alias, Codec, LeasePolicy, LeaseState, PoolId, Time,
    table::{
        blocks::Blocks,
        clients::Clients,
        index::SlotIndex,
        record::{Links, Records},
        timers::Timers,
    },
};

pub(crate) use record::Record;

/// A slot has 32 bits. The last chunk of them is not used, as the last slot's number marks the end of a chain.
const MOST: u64 = (1 << 32) - arena::CHUNK as u64;

/// The lease table. A record has 56 bytes or so; to find it by its address and by its client takes six to twelve bytes
/// each.
pub(crate) struct LeaseTable<C, L> {
    pub(crate) policy: LeasePolicy,
    pub(crate) blocks: Blocks,
    pub(crate) clients: Clients,
    /// By pool.
    pub(crate) timers: Vec<Timers>,
    pub(crate) records: Records<C, L>,
    by_address: SlotIndex,
}

impl<C: Copy + Eq + Hash, L: Copy> LeaseTable<C, L> {
    pub(crate) fn new(policy: LeasePolicy, pools: usize) -> Self {
        Self {
            policy,
            blocks: Blocks::new(),
            clients: Clients::new(),
            timers: (0..pools).map(|_| Timers::new()).collect(),
            records: Records::new(),
            by_address: SlotIndex::new(),
        }
    }

    /// How many more addresses can be taken.
    pub(crate) fn room(&self) -> u64 {
        MOST - self.records.len() as u64
    }

    pub(crate) fn find(&self, pool: PoolId, alias: Alias, index: u64) -> Option<u32> {
        let block = self.blocks.find(pool, alias)?;
        self.by_address.find(&(block, index), |slot| self.address(slot))
    }

    /// How many addresses of these blocks are free.
    pub(crate) fn free_in<'a>(&self, blocks: impl IntoIterator<Item = &'a u32>) -> u128 {
        blocks.into_iter().map(|block| self.blocks.get(*block).space.free()).sum()
    }

    /// Leases an address drawn uniformly from the `free` ones of these blocks, which are distinct. `None` if there is
    /// none.
    pub(crate) fn draw<R: CryptoRng + ?Sized>(
        &mut self,
        rng: &mut R,
        blocks: &[u32],
        free: u128,
        client: C,
        location: L,
        expires: Time,
    ) -> Option<&Record<C, L>> {
        let mut nth = below(rng, free)?;
        let block = *blocks.iter().find(|block| {
            let in_block = self.blocks.get(**block).space.free();
            let found = nth < in_block;
            if !found {
                nth -= in_block;
            }
            found
        })?;
        let index = self.blocks.get(block).space.draw(rng, |index| self.is_taken(block, index))?;
        let slot = self.insert(block, index, Some(client), location, expires);
        Some(&self.records[slot])
    }

    /// Takes this address out of the free ones, leased until `expires`. `false` if it is not free.
    pub(crate) fn adopt(
        &mut self,
        pool: PoolId,
        codec: &Codec,
        (alias, index): (Alias, u64),
        client: Option<C>,
        location: L,
        expires: Time,
    ) -> bool {
        if self.find(pool, alias, index).is_some() || self.room() == 0 {
            return false;
        }
        let block = self.blocks.find_or_add(pool, codec, alias);
        self.insert(block, index, client, location, expires);
        true
    }

    /// Whether an address of the alias is leased or in grace.
    pub(crate) fn is_live(&self, pool: PoolId, alias: Alias) -> bool {
        self.blocks.find(pool, alias).is_some_and(|block| self.blocks.get(block).live > 0)
    }

    /// Takes out a record whose time in this state is over. To be called until there is none, and each to be [moved
    /// on](Self::enter) or [freed](Self::free).
    pub(crate) fn pop_due(&mut self, pool: usize, state: LeaseState, now: Time) -> Option<u32> {
        self.timers[pool].pop_due(&mut self.records, state, now)
    }

    /// Changes a record's state or deadline.
    pub(crate) fn change(&mut self, slot: u32, state: LeaseState, deadline: Time) {
        let pool = self.pool_of(slot);
        self.timers[pool].leave(&mut self.records, slot);
        self.enter(slot, state, deadline);
    }

    /// Gives a record that was taken out its next state.
    pub(crate) fn enter(&mut self, slot: u32, state: LeaseState, deadline: Time) {
        let record = &mut self.records[slot];
        let was_live = is_live(std::mem::replace(&mut record.state, state));
        record.deadline = deadline;
        let block = record.block;
        if was_live && !is_live(state) {
            self.blocks.get_mut(block).live -= 1;
        }
        if state == LeaseState::Cooling {
            self.clients.unlink(&mut self.records, slot);
        }
        let pool = self.pool_of(slot);
        self.timers[pool].enter(&mut self.records, slot);
    }

    /// Makes the address of a record that was taken out free again.
    pub(crate) fn free(&mut self, slot: u32) -> Record<C, L> {
        let record = self.records[slot];
        self.by_address.remove(&(record.block, record.index), slot);
        self.records.remove(slot);
        let (records, by_address) = (&self.records, &self.by_address);
        self.blocks.get_mut(record.block).space.give(record.index, |index| {
            by_address.find(&(record.block, index), |slot| (records[slot].block, records[slot].index)).is_some()
        });
        record
    }

    /// Gives a lease that has no client one.
    pub(crate) fn claim(&mut self, slot: u32, client: C) {
        self.records[slot].client = Some(client);
        self.clients.link(&mut self.records, slot);
    }

    /// Enters an address that is free, as leased.
    fn insert(&mut self, block: u32, index: u64, client: Option<C>, location: L, expires: Time) -> u32 {
        let slot = self.records.insert(Record {
            index,
            deadline: expires,
            block,
            timed: Links::NONE,
            of_client: Links::NONE,
            client,
            location,
            state: LeaseState::Leased,
            first: false,
        });
        let records = &self.records;
        let address = |slot: u32| (records[slot].block, records[slot].index);
        self.by_address.insert(&(block, index), slot, address);
        let by_address = &self.by_address;
        let in_block = self.blocks.get_mut(block);
        in_block.live += 1;
        in_block.space.take(index, |index| by_address.find(&(block, index), address).is_some());
        self.clients.link(&mut self.records, slot);
        let pool = self.pool_of(slot);
        self.timers[pool].enter(&mut self.records, slot);
        slot
    }

    fn is_taken(&self, block: u32, index: u64) -> bool {
        self.by_address.find(&(block, index), |slot| self.address(slot)).is_some()
    }

    fn address(&self, slot: u32) -> (u32, u64) {
        (self.records[slot].block, self.records[slot].index)
    }

    fn pool_of(&self, slot: u32) -> usize {
        usize::from(self.blocks.get(self.records[slot].block).pool.0)
    }
}

fn is_live(state: LeaseState) -> bool {
    matches!(state, LeaseState::Leased | LeaseState::Grace)
}

/// A uniform number below `end`.
fn below<R: CryptoRng + ?Sized>(rng: &mut R, end: u128) -> Option<u128> {
    use rand::Rng as _;
    // The narrower generator is several times faster.
    match u64::try_from(end) {
        Ok(0) => None,
        Ok(end) => Some(u128::from(rng.random_range(0..end))),
        Err(_) => Some(rng.random_range(0..end)),
    }
}
