mod aliases;
mod requests;
mod restart;
mod view;

use std::{collections::BTreeMap, hash::Hash};

use ipnetwork::IpNetwork;

use crate::{
    Alias, Codec, EpochPolicy, Event, Family, Lease, LeasePolicy, LeaseState, PolicyError, PoolId, Sid, Time,
    epochs::AliasEpochs,
    table::{LeaseTable, Record},
    waiting::{Scope, Waiting},
};

/// All pools of the allocation server, and who has which address.
///
/// `C` names a client, `L` says where it is (SID, port, MAC); the pools hand both back and look into neither. Each call
/// takes the time; the latest one seen counts.
pub struct Pools<C, L> {
    codecs: Vec<Codec>,
    epochs: AliasEpochs,
    table: LeaseTable<C, L>,
    waiting: Waiting<C>,
    /// What each SID alone can use: its usable aliases, by pool.
    reach: BTreeMap<Sid, Vec<Part>>,
    /// What all SIDs can use: the naive pools.
    naive: Vec<Part>,
    now: Time,
    /// By pool: no address of it is given before.
    quarantine: Vec<Time>,
}

/// The part of a pool that can be drawn from.
struct Part {
    pool: PoolId,
    family: Family,
    blocks: Vec<u32>,
}

impl<C: Copy + Eq + Hash, L: Copy> Pools<C, L> {
    /// Pools without SIDs; the aliases come with [`add_sid`](Self::add_sid).
    ///
    /// # Errors
    /// If a value in a policy makes no sense, there are more than 65,536 pools, or two overlap; the message names it.
    pub fn new(codecs: Vec<Codec>, epochs: EpochPolicy, leases: LeasePolicy) -> Result<Self, PolicyError> {
        epochs.check()?;
        leases.check()?;
        check(&codecs)?;
        let ids = || (0..=u16::MAX).map(PoolId).zip(&codecs);
        let alias_pools = ids().filter_map(|(pool, codec)| match codec {
            Codec::Alias(codec) => Some((pool, codec.alias_count())),
            Codec::Naive(_) => None,
        });
        let epochs = AliasEpochs::new(epochs, epochs.aliases_needed(&leases), alias_pools);
        let mut table = LeaseTable::new(leases, codecs.len());
        let mut naive = Vec::new();
        for (pool, codec) in ids().filter(|(_, codec)| matches!(codec, Codec::Naive(_))) {
            let block = table.blocks.find_or_add(pool, codec, Alias(0));
            table.blocks.pin(block, true);
            naive.push(Part { pool, family: codec.family(), blocks: vec![block] });
        }
        let quarantine = vec![Time::default(); codecs.len()];
        let (waiting, reach, now) = (Waiting::new(), BTreeMap::new(), Time::default());
        Ok(Self { codecs, epochs, table, waiting, reach, naive, now, quarantine })
    }

    /// Does what is due and says what the caller has to do, in order.
    pub fn advance(&mut self, now: Time, events: &mut Vec<Event<C, L>>) {
        let now = self.observe(now);
        let t_remove = self.table.policy.grace;
        let mut maybe_unused = Vec::new();
        for pool in 0..self.codecs.len() {
            while let Some(slot) = self.table.pop_due(pool, LeaseState::Leased, now) {
                self.table.enter(slot, LeaseState::Grace, now + t_remove);
                events.push(Event::Expired(self.lease(&self.table.records[slot])));
            }
            while let Some(slot) = self.table.pop_due(pool, LeaseState::Grace, now) {
                let deadline = self.table.records[slot].deadline;
                self.table.enter(slot, LeaseState::Removing, deadline);
                let lease = self.lease(&self.table.records[slot]);
                maybe_unused.extend(lease.alias.map(|alias| (lease.pool, alias)));
                events.push(Event::RemoveRules(lease));
            }
            while let Some(slot) = self.table.pop_due(pool, LeaseState::Cooling, now) {
                let record = self.table.free(slot);
                events.push(Event::Freed(self.lease(&record).address));
                self.table.blocks.drop_unused(record.block);
            }
        }
        self.epochs.advance(now, |pool, alias| self.table.is_live(pool, alias));
        for (pool, alias) in maybe_unused {
            self.check_unused(pool, alias);
        }
        let deletable = self.epochs.take_deletable();
        events.extend(deletable.map(|(pool, sid, alias)| Event::DeleteAlias { pool, sid, alias }));
    }

    fn observe(&mut self, now: Time) -> Time {
        self.now = self.now.max(now);
        self.now
    }

    fn check_unused(&mut self, pool: PoolId, alias: Alias) {
        if !self.table.is_live(pool, alias) {
            self.epochs.unused(pool, alias);
        }
    }

    fn codec(&self, pool: PoolId) -> &Codec {
        &self.codecs[usize::from(pool.0)]
    }

    fn decode(&self, address: std::net::IpAddr) -> Option<(PoolId, Alias, u64)> {
        (0..).map(PoolId).zip(&self.codecs).find_map(|(pool, codec)| {
            let (alias, index) = codec.decode(address)?;
            Some((pool, alias, index))
        })
    }

    /// The slot of an address that is not free.
    fn find(&self, address: std::net::IpAddr) -> Option<u32> {
        let (pool, alias, index) = self.decode(address)?;
        self.table.find(pool, alias, index)
    }

    fn lease(&self, record: &Record<C, L>) -> Lease<C, L> {
        let block = self.table.blocks.get(record.block);
        let codec = self.codec(block.pool);
        let alias = matches!(codec, Codec::Alias(_)).then_some(block.alias);
        let Record { index, state, deadline, client, location, .. } = *record;
        Lease { address: codec.encode(block.alias, index), pool: block.pool, alias, client, location, state, deadline }
    }

    /// What a SID's addresses of a family can come from, in quarantine or not.
    fn parts(&self, sid: Sid, family: Family) -> impl Iterator<Item = &Part> {
        self.reach.get(&sid).into_iter().flatten().chain(&self.naive).filter(move |part| part.family == family)
    }

    /// The blocks that a SID's addresses of a family are drawn from.
    fn sources(&self, sid: Sid, family: Family) -> Vec<u32> {
        let mut blocks = Vec::new();
        for part in self.parts(sid, family).filter(|part| self.quarantine_end(part.pool) <= self.now) {
            blocks.extend_from_slice(&part.blocks);
        }
        blocks
    }

    /// Past if the pool is not in quarantine.
    fn quarantine_end(&self, pool: PoolId) -> Time {
        self.quarantine[usize::from(pool.0)]
    }

    /// Whom a client behind this SID competes with for a family's addresses.
    fn scope(&self, sid: Sid, family: Family) -> Scope {
        let shared = self.naive.iter().any(|part| part.family == family);
        Scope { family, sid: (!shared).then_some(sid) }
    }
}

fn check(codecs: &[Codec]) -> Result<(), PolicyError> {
    let error = |value, problem| Err(PolicyError { field: "pools", value, problem });
    if codecs.len() > 1 << 16 {
        return error(codecs.len().to_string(), "must be at most 65536");
    }
    // Of two prefixes that overlap, one contains the other, and comes right before one that it contains.
    let mut prefixes: Vec<IpNetwork> = codecs.iter().map(Codec::prefix).collect();
    prefixes.sort_by_key(|prefix| (prefix.ip(), prefix.prefix()));
    for pair in prefixes.windows(2) {
        if pair[0].contains(pair[1].ip()) {
            return error(format!("{} and {}", pair[0], pair[1]), "overlap");
        }
    }
    Ok(())
}
