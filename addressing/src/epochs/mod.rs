//! Which aliases each SID has had in each alias pool, and when they may go.

mod pool;
mod space;

use std::collections::BTreeMap;

use rand::CryptoRng;

pub(crate) use pool::State;

use crate::{Alias, AliasError, Epoch, EpochPolicy, NewAliases, PoolId, Sid, Time, epochs::pool::PoolAliases};

#[derive(Debug, Default)]
struct OfSid {
    usable: Vec<(PoolId, Alias)>,
    pending: Option<(Epoch, Vec<(PoolId, Alias)>)>,
}

/// The aliases of all SIDs.
#[derive(Debug)]
pub(crate) struct AliasEpochs {
    policy: EpochPolicy,
    /// [`EpochPolicy::aliases_needed`].
    needed: u64,
    pools: Vec<PoolAliases>,
    sids: BTreeMap<Sid, OfSid>,
    last_epoch: u64,
    next_rotation: Option<Time>,
}

impl AliasEpochs {
    /// `pools` are the alias pools and how many aliases each has.
    pub(crate) fn new(policy: EpochPolicy, needed: u64, pools: impl Iterator<Item = (PoolId, u64)>) -> Self {
        let pools = pools.map(|(pool, available)| PoolAliases::new(pool, available)).collect();
        Self { policy, needed, pools, sids: BTreeMap::new(), last_epoch: 0, next_rotation: None }
    }

    pub(crate) fn policy(&self) -> &EpochPolicy {
        &self.policy
    }

    pub(crate) fn add_sid<R: CryptoRng + ?Sized>(
        &mut self,
        now: Time,
        rng: &mut R,
        sid: Sid,
    ) -> Result<NewAliases, AliasError> {
        if self.sids.contains_key(&sid) {
            return Err(AliasError::SidExists(sid));
        }
        let sids = self.sids.len() as u64 + 1;
        self.pools.iter().try_for_each(|pool| pool.check_size(sids, self.needed))?;
        let new = self.draw(rng, &[sid])?;
        self.start_rotation(now);
        Ok(new)
    }

    /// Gives each SID new aliases, except those whose last ones are not confirmed yet.
    pub(crate) fn rotate<R: CryptoRng + ?Sized>(&mut self, now: Time, rng: &mut R) -> Result<NewAliases, AliasError> {
        if self.next_rotation.is_some() {
            self.next_rotation = Some(now + self.policy.t_sid);
        }
        let sids: Vec<Sid> = self.sids.iter().filter(|(_, a)| a.pending.is_none()).map(|(sid, _)| *sid).collect();
        self.draw(rng, &sids)
    }

    /// Draws in every pool or in none.
    fn draw<R: CryptoRng + ?Sized>(&mut self, rng: &mut R, sids: &[Sid]) -> Result<NewAliases, AliasError> {
        let count = self.policy.aliases_per_sid;
        let needed = sids.len() as u64 * u64::from(count);
        self.pools.iter().try_for_each(|pool| pool.check_free(needed))?;
        self.last_epoch += 1;
        let epoch = Epoch(self.last_epoch);
        let mut new = NewAliases { epoch, aliases: Vec::with_capacity(needed as usize * self.pools.len()) };
        for sid in sids {
            let mut pending = Vec::with_capacity(count as usize * self.pools.len());
            for pool in &mut self.pools {
                for _ in 0..count {
                    pending.extend(pool.draw(rng, *sid).map(|alias| (pool.pool(), alias)));
                }
            }
            new.aliases.extend(pending.iter().map(|(pool, alias)| (*pool, *sid, *alias)));
            // Without alias pools nothing has to be confirmed.
            self.sids.entry(*sid).or_default().pending = (!pending.is_empty()).then_some((epoch, pending));
        }
        Ok(new)
    }

    /// Every edge switch has the epoch's aliases: they replace their predecessors. Returns the SIDs that got new ones.
    pub(crate) fn confirm(&mut self, now: Time, epoch: Epoch) -> Vec<Sid> {
        let mut confirmed = Vec::new();
        let mut replaced = Vec::new();
        for (sid, aliases) in &mut self.sids {
            if let Some((_, pending)) = aliases.pending.take_if(|(pending, _)| *pending == epoch) {
                confirmed.push(*sid);
                for (pool, alias) in &pending {
                    if let Some(pool) = self.pools.iter_mut().find(|p| p.pool() == *pool) {
                        pool.make_usable(*alias);
                    }
                }
                replaced.append(&mut std::mem::replace(&mut aliases.usable, pending));
            }
        }
        self.retain(now, replaced);
        confirmed
    }

    pub(crate) fn remove_sid(&mut self, now: Time, sid: Sid) -> Result<(), AliasError> {
        let aliases = self.sids.remove(&sid).ok_or(AliasError::UnknownSid(sid))?;
        self.retain(now, aliases.usable);
        // No address was ever made with these.
        for (pool, alias) in aliases.pending.into_iter().flat_map(|(_, pending)| pending) {
            if let Some(pool) = self.pool_mut(pool) {
                pool.make_deletable(alias);
            }
        }
        if self.sids.is_empty() {
            self.next_rotation = None;
        }
        Ok(())
    }

    /// Takes an alias that an edge switch has from an earlier life of the caller: valid, but not for new addresses.
    pub(crate) fn adopt(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        self.pool_mut(pool).ok_or(AliasError::NoAliasPool(pool))?.adopt(sid, alias)?;
        self.retain(now, vec![(pool, alias)]);
        Ok(())
    }

    /// Takes an alias that was usable in an earlier life of the caller, and goes on to be.
    pub(crate) fn resume(&mut self, now: Time, pool: PoolId, sid: Sid, alias: Alias) -> Result<(), AliasError> {
        let (sids, needed) = (self.sids.len() as u64 + u64::from(!self.sids.contains_key(&sid)), self.needed);
        let of_pool = self.pool_mut(pool).ok_or(AliasError::NoAliasPool(pool))?;
        of_pool.check_size(sids, needed)?;
        of_pool.adopt(sid, alias)?;
        self.sids.entry(sid).or_default().usable.push((pool, alias));
        self.start_rotation(now);
        Ok(())
    }

    /// Does what is due; `is_live` says whether an address with the alias is leased or in its grace.
    pub(crate) fn advance(&mut self, now: Time, is_live: impl Fn(PoolId, Alias) -> bool) {
        for pool in &mut self.pools {
            let id = pool.pool();
            pool.advance(now, |alias| is_live(id, alias));
        }
    }

    /// The last address with this alias has ended its grace.
    pub(crate) fn unused(&mut self, pool: PoolId, alias: Alias) {
        if let Some(pool) = self.pool_mut(pool) {
            pool.unused(alias);
        }
    }

    pub(crate) fn take_deletable(&mut self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        self.pools.iter_mut().flat_map(|pool| {
            let id = pool.pool();
            pool.take_deletable().map(move |(sid, alias)| (id, sid, alias))
        })
    }

    /// No edge switch has the alias any more: it rests for k × t_sid. `false` if it was not to be deleted.
    pub(crate) fn deleted(&mut self, now: Time, pool: PoolId, alias: Alias) -> bool {
        let until = now + self.policy.validity();
        self.pool_mut(pool).is_some_and(|pool| pool.deleted(alias, until))
    }

    /// The aliases for new addresses; `None` if there is no such SID.
    pub(crate) fn usable(&self, sid: Sid) -> Option<&[(PoolId, Alias)]> {
        self.sids.get(&sid).map(|aliases| &*aliases.usable)
    }

    /// Until when an address with this alias may be renewed; `None` if there is no limit yet.
    pub(crate) fn renewable_until(&self, pool: PoolId, alias: Alias) -> Option<Time> {
        self.pools.iter().find(|p| p.pool() == pool)?.renewable_until(alias)
    }

    /// The aliases that every edge switch must have, the pending ones included.
    pub(crate) fn valid(&self) -> impl Iterator<Item = (PoolId, Sid, Alias, State)> {
        self.pools.iter().flat_map(|pool| pool.valid().map(|(sid, alias, state)| (pool.pool(), sid, alias, state)))
    }

    /// All that are not free.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        self.pools.iter().flat_map(|pool| pool.all().map(|(sid, alias)| (pool.pool(), sid, alias)))
    }

    /// Whose alias it is, if it is valid.
    pub(crate) fn owner(&self, pool: PoolId, alias: Alias) -> Option<Sid> {
        self.pools.iter().find(|p| p.pool() == pool)?.owner(alias)
    }

    pub(crate) fn next_rotation(&self) -> Option<Time> {
        self.next_rotation
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.pools.iter().filter_map(PoolAliases::next_deadline).min()
    }

    fn start_rotation(&mut self, now: Time) {
        if !self.pools.is_empty() {
            self.next_rotation.get_or_insert(now + self.policy.t_sid);
        }
    }

    fn retain(&mut self, now: Time, aliases: Vec<(PoolId, Alias)>) {
        let until = now + self.policy.validity();
        for (pool, alias) in aliases {
            if let Some(pool) = self.pool_mut(pool) {
                pool.retain(alias, until);
            }
        }
    }

    fn pool_mut(&mut self, pool: PoolId) -> Option<&mut PoolAliases> {
        self.pools.iter_mut().find(|p| p.pool() == pool)
    }
}
