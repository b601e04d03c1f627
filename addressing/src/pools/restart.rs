//! After a restart, when the switches and the store know more than the pools.

use std::{hash::Hash, net::IpAddr};

use crate::{AdoptError, Alias, AliasError, LeaseState, PoolId, Pools, Sid, Time};

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    /// Takes an alias that was read back from an edge switch. It is valid as an old one is: not for new addresses.
    ///
    /// # Errors
    /// If it does not fit its bits or is taken, or the pool has no aliases.
    pub fn adopt_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        let now = self.observe(now);
        self.epochs.adopt(now, pool, sid, alias)
    }

    /// Takes an alias that was usable before and that every edge switch has: new addresses get it until the SID's next
    /// aliases are confirmed. The SID is there from now on, as if added. If there is no room for it, its aliases can
    /// still be [adopted](Self::adopt_alias).
    ///
    /// # Errors
    /// If it does not fit its bits or is taken, the pool has no aliases, or its alias space is too small for one more SID.
    pub fn resume_alias(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        let now = self.observe(now);
        self.epochs.resume(now, pool, sid, alias)?;
        self.find_reach(sid);
        Ok(())
    }

    /// Takes an address that was read back from a switch out of the free ones, as leased until `expires`; then come
    /// grace, removal and cool-down as for any other. Its alias is to be adopted or resumed before.
    ///
    /// # Errors
    /// If it is in no pool or not free.
    pub fn adopt(
        &mut self,
        now: Time,
        address: IpAddr,
        client: Option<C>,
        location: L,
        expires: Time,
    ) -> Result<(), AdoptError> {
        self.observe(now);
        let (pool, alias, index) = self.decode(address).ok_or(AdoptError::NotInPool)?;
        let codec = self.codecs[usize::from(pool.0)];
        if !self.table.adopt(pool, &codec, (alias, index), client, location, expires) {
            return Err(AdoptError::Taken);
        }
        client.into_iter().for_each(|client| self.waiting.remove(client));
        Ok(())
    }

    /// Gives an adopted lease, of which nobody knew the client, to the client that is where it is. `false` if the
    /// address is not leased, has a client, or is elsewhere.
    pub fn claim(&mut self, now: Time, client: C, address: IpAddr, location: L) -> bool
    where
        L: Eq,
    {
        let now = self.observe(now);
        let unclaimed = |slot: &u32| {
            let record = &self.table.records[*slot];
            let leased = record.state == LeaseState::Leased && record.deadline > now;
            leased && record.client.is_none() && record.location == location
        };
        let Some(slot) = self.find(address).filter(unclaimed) else { return false };
        self.table.claim(slot, client);
        self.waiting.remove(client);
        true
    }

    /// Gives no address of a pool before `until`, or lifts that; [`LeasePolicy::longest_hold`](crate::LeasePolicy::longest_hold) is
    /// long enough if the switches' entries cannot be read.
    pub fn set_quarantine(&mut self, pool: PoolId, until: Option<Time>) {
        if let Some(end) = self.quarantine.get_mut(usize::from(pool.0)) {
            *end = until.unwrap_or_default();
        }
    }
}
