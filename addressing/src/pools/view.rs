//! What can be asked without changing anything.

use std::{hash::Hash, net::IpAddr, time::Duration};

use crate::{Codec, EpochPolicy, Family, Lease, LeasePolicy, Occupancy, PoolId, PoolOccupancy, Pools, Sid, Time};

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    /// The pools' layouts.
    pub fn codecs(&self) -> &[Codec] {
        &self.codecs
    }

    /// The lifetimes.
    pub fn policy(&self) -> &LeasePolicy {
        &self.table.policy
    }

    /// How aliases come and go.
    pub fn epoch_policy(&self) -> &EpochPolicy {
        self.epochs.policy()
    }

    /// The pool that gives this address out.
    pub fn pool_of(&self, address: IpAddr) -> Option<PoolId> {
        self.decode(address).map(|(pool, ..)| pool)
    }

    /// When [`advance`](Self::advance) has something to do next, or sooner; may be past.
    pub fn next_deadline(&self) -> Option<Time> {
        let addresses = self.table.timers.iter().filter_map(|timers| timers.next(&self.table.records));
        addresses.chain(self.epochs.next_deadline()).min()
    }

    /// What is known of an address; `None` if it is free or in no pool.
    pub fn get(&self, address: IpAddr) -> Option<Lease<C, L>> {
        self.find(address).map(|slot| self.lease(&self.table.records[slot]))
    }

    /// All addresses that are not free. Switches must have rules for those [leased](crate::LeaseState::Leased) or in
    /// [grace](crate::LeaseState::Grace).
    pub fn leases(&self) -> impl Iterator<Item = Lease<C, L>> {
        self.leases_after(0).map(|(_, lease)| lease)
    }

    /// The addresses of a client that count for its quota, the newest first.
    pub fn leases_of(&self, client: C) -> impl Iterator<Item = Lease<C, L>> {
        self.table.clients.iter(&self.table.records, client).map(|record| self.lease(record))
    }

    /// All addresses that are not free, page by page: those behind a cursor, 0 at first, each with the cursor that
    /// goes on behind it. What is not free all the time between two pages is met exactly once.
    pub fn leases_after(&self, cursor: u32) -> impl Iterator<Item = (u32, Lease<C, L>)> {
        let records = self.table.records.iter_from(cursor);
        records.map(|(slot, record)| (slot + 1, self.lease(record)))
    }

    /// How many addresses count for a client's quota: leased, in grace, or not yet removed.
    pub fn held(&self, client: C) -> u32 {
        self.table.clients.count(&self.table.records, client)
    }

    /// Until when no address of the pool is given out; `None` if they are.
    pub fn quarantine(&self, pool: PoolId) -> Option<Time> {
        self.quarantine.get(usize::from(pool.0)).copied().filter(|until| *until > self.now)
    }

    /// How many addresses are in each state.
    pub fn occupancy(&self) -> Occupancy {
        let mut sum = Occupancy::default();
        for Occupancy { leased, grace, removing, cooling } in self.table.timers.iter().map(|timers| timers.occupancy) {
            sum.leased += leased;
            sum.grace += grace;
            sum.removing += removing;
            sum.cooling += cooling;
        }
        sum
    }

    /// How many addresses of a pool are in each state, and how many there are. A pool that is unknown has none.
    pub fn pool_occupancy(&self, pool: PoolId) -> PoolOccupancy {
        let pool = usize::from(pool.0);
        let occupancy = self.table.timers.get(pool).map(|timers| timers.occupancy).unwrap_or_default();
        PoolOccupancy { occupancy, capacity: self.codecs.get(pool).map_or(0, Codec::capacity) }
    }

    /// How many free addresses of a family a client behind this SID could be given now, if nobody waits.
    pub fn free_for(&self, sid: Sid, family: Family) -> u128 {
        match self.epochs.usable(sid) {
            Some(_) => self.table.free_in(&self.sources(sid, family)),
            None => 0,
        }
    }

    /// How long until another address of any pool can be free at the soonest; at least a millisecond. `None` if all are.
    pub fn next_free(&self, now: Time) -> Option<Duration> {
        let now = self.now.max(now);
        (0..self.codecs.len()).filter_map(|pool| self.pool_next_free(pool, now)).min()
    }

    pub(super) fn pool_next_free(&self, pool: usize, now: Time) -> Option<Duration> {
        self.table.timers[pool].next_free(&self.table.records, &self.table.policy, now)
    }
}
