//! What clients ask for, and what becomes of it.

use std::{hash::Hash, net::IpAddr, time::Duration};

use rand::{CryptoRng, Rng};

use crate::{
    AddressSet, Demand, Family, Lease, LeaseState, NotHeld, Pools, Refusal, RenewError, Sid, Time, time::millis,
};

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    /// Changes how many addresses a client may have. Those that have more keep them.
    pub fn set_quota(&mut self, quota: u32) {
        self.table.policy.quota = quota;
    }

    /// Leases a set of addresses, all or none, each drawn uniformly from the free ones of its family that the SID can
    /// use: those under its usable aliases in all alias pools, and those of all naive pools.
    ///
    /// # Errors
    /// The reason for the refusal.
    pub fn acquire<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        sid: Sid,
        location: L,
        demand: Demand,
    ) -> Result<AddressSet, Refusal> {
        let now = self.observe(now);
        if self.epochs.usable(sid).is_none() {
            return Err(Refusal::UnknownSid(sid));
        }
        let count = u64::from(demand.v6) + u64::from(demand.v4);
        if count == 0 {
            return Err(Refusal::Empty);
        }
        let (held, quota) = (self.held(client), self.table.policy.quota);
        if count > u64::from(quota.saturating_sub(held)) {
            return Err(Refusal::Quota { count, held, quota });
        }
        let families = [(Family::V6, demand.v6), (Family::V4, demand.v4)];
        let mut parts = Vec::with_capacity(families.len());
        let mut room = self.table.room();
        for (family, count) in families.into_iter().filter(|(_, count)| *count > 0) {
            let blocks = self.sources(sid, family);
            let free = self.table.free_in(&blocks).min(u128::from(room));
            self.check(client, held, sid, (family, count), &blocks, free)?;
            room -= u64::from(count);
            parts.push((blocks, free, count));
        }
        let lifetime = self.draw_lifetime(rng);
        let expires = now + lifetime;
        let mut addresses = Vec::with_capacity(count as usize);
        for (blocks, free, count) in parts {
            for taken in 0..u128::from(count) {
                let drawn = self.table.draw(rng, &blocks, free - taken, client, location, expires);
                let record = drawn.copied();
                addresses.extend(record.map(|record| self.lease(&record).address));
            }
        }
        self.waiting.remove(client);
        Ok(AddressSet { addresses, expires, lifetime })
    }

    /// Whether the client can have so many of a family.
    fn check(
        &mut self,
        client: C,
        held: u32,
        sid: Sid,
        (family, count): (Family, u32),
        blocks: &[u32],
        free: u128,
    ) -> Result<(), Refusal> {
        let now = self.now;
        if blocks.is_empty() {
            return Err(self.why_none(sid, family));
        }
        let scope = self.scope(sid, family);
        if u128::from(count) > free {
            let retry_after = self.retry_after(sid, family, count);
            if let (0, Some(retry_after)) = (held, retry_after) {
                self.waiting.add(client, scope, count, now + retry_after);
            }
            return Err(Refusal::Exhausted { family, count, free, retry_after });
        }
        if held > 0
            && let Some(crowd) = self.waiting.crowd(now, scope)
        {
            // What the naive pools have is for all SIDs, what the aliases have is not.
            let shared = match scope.sid {
                Some(_) => free,
                None => {
                    let naive = self.naive.iter().flat_map(|part| &part.blocks);
                    self.table.free_in(naive.filter(|block| blocks.contains(block)))
                }
            };
            if shared < u128::from(crowd.addresses) + u128::from(count) {
                let retry_after = crowd.until.since(now);
                return Err(Refusal::Fairness { family, count, held, waiting: crowd.clients, retry_after });
            }
        }
        Ok(())
    }

    /// Why the SID has no block of a family to draw from.
    fn why_none(&self, sid: Sid, family: Family) -> Refusal {
        match self.parts(sid, family).map(|part| self.quarantine_end(part.pool)).min() {
            Some(end) => Refusal::Quarantine { family, retry_after: end.since(self.now) },
            None if self.codecs.iter().any(|codec| codec.family() == family) => Refusal::NoAlias(sid),
            None => Refusal::NoPool(family),
        }
    }

    /// The soonest that another address can be free; `None` if there will never be `count`.
    fn retry_after(&self, sid: Sid, family: Family, count: u32) -> Option<Duration> {
        let mut capacity = 0;
        let mut soonest = None;
        for part in self.parts(sid, family) {
            capacity += self.codec(part.pool).block_size() * part.blocks.len() as u128;
            let end = self.quarantine_end(part.pool);
            let quarantine = (end > self.now).then(|| end.since(self.now));
            let free = self.pool_next_free(usize::from(part.pool.0), self.now);
            soonest = soonest.into_iter().chain(quarantine).chain(free).min();
        }
        soonest.filter(|_| u128::from(count) <= capacity)
    }

    /// Gives an address back: its grace begins now, and it is not reused before its cool-down.
    ///
    /// # Errors
    /// If it is not leased to the client.
    pub fn release(&mut self, now: Time, client: C, address: IpAddr) -> Result<(), NotHeld> {
        let now = self.observe(now);
        let slot = self.held_by(client, address)?;
        self.table.change(slot, LeaseState::Grace, now + self.table.policy.grace);
        Ok(())
    }

    /// Prolongs leases, all or none, by a new t_ip from now; a lease that had longer to run keeps its end. Returns the
    /// first of the new ends.
    ///
    /// # Errors
    /// If one is not leased to the client, or its alias ends before the new grace would.
    pub fn renew<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        client: C,
        addresses: &[IpAddr],
    ) -> Result<Time, RenewError> {
        let now = self.observe(now);
        let expires = now + self.draw_lifetime(rng);
        let end = expires + self.table.policy.grace;
        let mut slots = Vec::with_capacity(addresses.len());
        for address in addresses {
            let slot = self.held_by(client, *address)?;
            let Lease { pool, alias, .. } = self.lease(&self.table.records[slot]);
            let until = alias.and_then(|alias| self.epochs.renewable_until(pool, alias));
            if until.is_some_and(|until| until < end) {
                return Err(RenewError::AliasRetired);
            }
            slots.push(slot);
        }
        for slot in &slots {
            if self.table.records[*slot].deadline < expires {
                self.table.change(*slot, LeaseState::Leased, expires);
            }
        }
        slots.iter().map(|slot| self.table.records[*slot].deadline).min().ok_or(RenewError::Empty)
    }

    /// Ends a lease against the client's will: its grace begins now. Returns whom to tell, or `None` if the address is
    /// not leased.
    pub fn revoke(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        let now = self.observe(now);
        let slot = self.find(address).filter(|slot| self.table.records[*slot].state == LeaseState::Leased)?;
        self.table.change(slot, LeaseState::Grace, now + self.table.policy.grace);
        Some(self.lease(&self.table.records[slot]))
    }

    /// Ends a lease that no client has heard of, as its rules could not be written. It has no grace: its rules, of which
    /// some may be there, are to be removed now, without an [`Event`](crate::Event). `None` if the address is not leased.
    pub fn abort(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        let now = self.observe(now);
        let slot = self.find(address).filter(|slot| self.table.records[*slot].state == LeaseState::Leased)?;
        Some(self.start_removing(slot, now))
    }

    /// Ends a lease or its grace, as the client's switch is no more: its rules are to be removed now, without an
    /// [`Event`](crate::Event). `None` if the address is neither leased nor in grace.
    pub fn remove_now(&mut self, now: Time, address: IpAddr) -> Option<Lease<C, L>> {
        let now = self.observe(now);
        let live = |state| matches!(state, LeaseState::Leased | LeaseState::Grace);
        let slot = self.find(address).filter(|slot| live(self.table.records[*slot].state))?;
        Some(self.start_removing(slot, now))
    }

    /// The switches confirmed that no rule of the address is left ([`RemoveRules`](crate::Event::RemoveRules)): its
    /// cool-down begins. Before that it is not reused, so a switch that is away keeps its addresses out of the pool.
    /// `false` if the address was not to be removed.
    pub fn rules_removed(&mut self, now: Time, address: IpAddr) -> bool {
        let now = self.observe(now);
        let slot = self.find(address).filter(|slot| self.table.records[*slot].state == LeaseState::Removing);
        if let Some(slot) = slot {
            self.table.change(slot, LeaseState::Cooling, now + self.table.policy.cool_down);
        }
        slot.is_some()
    }

    fn start_removing(&mut self, slot: u32, now: Time) -> Lease<C, L> {
        self.table.change(slot, LeaseState::Removing, now);
        let lease = self.lease(&self.table.records[slot]);
        if let Some(alias) = lease.alias {
            self.check_unused(lease.pool, alias);
        }
        lease
    }

    /// The slot of an address that is leased to the client and has not expired.
    fn held_by(&self, client: C, address: IpAddr) -> Result<u32, NotHeld> {
        let slot = self.find(address).ok_or(NotHeld)?;
        let record = &self.table.records[slot];
        let held = record.state == LeaseState::Leased && record.client == Some(client) && record.deadline > self.now;
        if held { Ok(slot) } else { Err(NotHeld) }
    }

    /// t_ip, drawn from its range.
    fn draw_lifetime<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Duration {
        let policy = &self.table.policy;
        let (min, max) = (millis(policy.lifetime_min), millis(policy.lifetime_max));
        Duration::from_millis(rng.random_range(min..=max.max(min)))
    }
}
