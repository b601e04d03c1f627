//! The SIDs and their aliases.

use std::hash::Hash;

use rand::CryptoRng;

use crate::{Alias, AliasError, Epoch, NewAliases, PoolId, Pools, Sid, Time, epochs::State, pools::Part};

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    /// Draws the first aliases of a client-facing switch, in every alias pool; [`confirm`](Self::confirm) makes them
    /// usable. The naive pools are open to its clients at once.
    ///
    /// # Errors
    /// If the SID is there already, or the alias space of a pool is too small for one more.
    pub fn add_sid<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        sid: Sid,
    ) -> Result<NewAliases, AliasError> {
        let now = self.observe(now);
        self.epochs.add_sid(now, rng, sid)
    }

    /// Ends the use of a switch's aliases for new addresses. They stay valid as any old alias; its leases stay too, and
    /// are the caller's to [`revoke`](Self::revoke) or to [remove](Self::remove_now).
    ///
    /// # Errors
    /// If there is no such SID.
    pub fn remove_sid(&mut self, now: Time, sid: Sid) -> Result<(), AliasError> {
        let now = self.observe(now);
        self.epochs.remove_sid(now, sid)?;
        self.find_reach(sid);
        Ok(())
    }

    /// Starts an alias epoch: draws new aliases for each SID, except for those whose last ones are not confirmed yet.
    /// Until they are confirmed, new addresses get the old ones. To be called at [`next_rotation`](Self::next_rotation).
    ///
    /// # Errors
    /// If too few aliases are free; nothing has changed then, except that the next epoch is due t_sid later.
    pub fn rotate<R: CryptoRng + ?Sized>(&mut self, now: Time, rng: &mut R) -> Result<NewAliases, AliasError> {
        let now = self.observe(now);
        self.epochs.rotate(now, rng)
    }

    /// Every edge switch has the epoch's aliases: new addresses get them from now on, and their predecessors are retained
    /// for at least k × t_sid. `false` if nothing of the epoch is pending.
    pub fn confirm(&mut self, now: Time, epoch: Epoch) -> bool {
        let now = self.observe(now);
        let confirmed = self.epochs.confirm(now, epoch);
        confirmed.iter().for_each(|sid| self.find_reach(*sid));
        !confirmed.is_empty()
    }

    /// No edge switch has the alias any more ([`DeleteAlias`](crate::Event::DeleteAlias)). `false` if it was not to be
    /// deleted.
    pub fn alias_deleted(&mut self, now: Time, pool: PoolId, alias: Alias) -> bool {
        let now = self.observe(now);
        self.epochs.deleted(now, pool, alias)
    }

    /// The aliases that every edge switch must have, the pending ones included.
    pub fn aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        self.epochs.valid().map(|(pool, sid, alias, _)| (pool, sid, alias))
    }

    /// The aliases that new addresses get.
    pub fn usable_aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        let usable = self.epochs.valid().filter(|(_, _, _, state)| *state == State::Usable);
        usable.map(|(pool, sid, alias, _)| (pool, sid, alias))
    }

    /// Every alias that cannot be drawn, those that are being deleted or rest included.
    pub fn all_aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        self.epochs.all()
    }

    /// Whose alias it is, if every edge switch must have it.
    pub fn alias_owner(&self, pool: PoolId, alias: Alias) -> Option<Sid> {
        self.epochs.owner(pool, alias)
    }

    /// When the next alias epoch is due; `None` without SIDs or alias pools.
    pub fn next_rotation(&self) -> Option<Time> {
        self.epochs.next_rotation()
    }

    /// The SID's usable aliases have changed.
    pub(super) fn find_reach(&mut self, sid: Sid) {
        for block in self.reach.remove(&sid).into_iter().flatten().flat_map(|part| part.blocks) {
            self.table.blocks.pin(block, false);
        }
        let mut parts: Vec<Part> = Vec::new();
        for (pool, alias) in self.epochs.usable(sid).into_iter().flatten().copied() {
            let codec = &self.codecs[usize::from(pool.0)];
            let block = self.table.blocks.find_or_add(pool, codec, alias);
            self.table.blocks.pin(block, true);
            match parts.iter_mut().find(|part| part.pool == pool) {
                Some(part) => part.blocks.push(block),
                None => parts.push(Part { pool, family: codec.family(), blocks: vec![block] }),
            }
        }
        if !parts.is_empty() {
            self.reach.insert(sid, parts);
        }
    }
}
