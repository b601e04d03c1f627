//! The reference: maps of addresses and aliases, and what can be read from them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mimiq_addressing::*;

use crate::common::*;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Address {
    Leased { expires: u64 },
    Grace { since: u64 },
    Removing,
    Cooling { since: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AliasState {
    Pending(Epoch),
    Usable,
    Retained {
        since: u64,
    },
    /// Retained for long enough, but an address still uses it.
    Overdue,
    /// To be deleted, with the next advance.
    Abandoned,
    Deleting,
    Resting {
        since: u64,
    },
}

/// A client without addresses that was refused some.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter {
    pub(crate) sid: Sid,
    pub(crate) count: u32,
    pub(crate) until: u64,
}

pub(crate) struct Model {
    pub(crate) pool: Pool,
    pub(crate) rng: LowEntropy,
    pub(crate) leases: LeasePolicy,
    pub(crate) epochs: EpochPolicy,
    /// What the caller's clock shows, and the latest it has shown.
    pub(crate) shown: u64,
    pub(crate) now: u64,
    pub(crate) sids: BTreeSet<Sid>,
    pub(crate) aliases: BTreeMap<(PoolId, Alias), (Sid, AliasState)>,
    pub(crate) addresses: BTreeMap<IpAddr, (Option<Client>, Location, Address)>,
    pub(crate) quarantine: BTreeMap<PoolId, u64>,
    pub(crate) waiting: BTreeMap<(Client, Family), Waiter>,
}

pub(crate) fn nth<T: Copy>(items: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let items: Vec<T> = items.collect();
    items.get(n.checked_rem(items.len())?).copied()
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    duration.as_millis() as u64
}

impl Model {
    pub(crate) fn new(codecs: Vec<Codec>, epochs: EpochPolicy, leases: LeasePolicy, seed: u64) -> Self {
        Self {
            pool: Pools::new(codecs, epochs, leases).unwrap(),
            rng: LowEntropy(rng(seed)),
            leases,
            epochs,
            shown: 1000,
            now: 0,
            sids: BTreeSet::new(),
            aliases: BTreeMap::new(),
            addresses: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// What is passed to the pools; it counts from then on.
    pub(crate) fn clock(&mut self) -> Time {
        self.now = self.now.max(self.shown);
        Time::from_millis(self.shown)
    }

    pub(crate) fn codecs(&self) -> impl Iterator<Item = (PoolId, &Codec)> {
        (0..).map(PoolId).zip(self.pool.codecs())
    }

    pub(crate) fn alias_pools(&self) -> impl Iterator<Item = (PoolId, &AliasCodec)> {
        self.codecs().filter_map(|(pool, codec)| match codec {
            Codec::Alias(codec) => Some((pool, codec)),
            Codec::Naive(_) => None,
        })
    }

    /// The pool of an address, and its alias there.
    pub(crate) fn pool_of(&self, address: IpAddr) -> (PoolId, Option<Alias>) {
        let of = |(pool, codec): (PoolId, &Codec)| match (codec, address) {
            (Codec::Alias(codec), IpAddr::V6(address)) => codec.decode(address).map(|(alias, _)| (pool, Some(alias))),
            (Codec::Alias(_), IpAddr::V4(_)) => None,
            (Codec::Naive(codec), _) => codec.decode(address).map(|_| (pool, None)),
        };
        self.codecs().find_map(of).unwrap()
    }

    pub(crate) fn held(&self, client: Client) -> usize {
        let cooling = |address: &Address| matches!(address, Address::Cooling { .. });
        self.addresses.values().filter(|(c, _, address)| *c == Some(client) && !cooling(address)).count()
    }

    pub(crate) fn is_live(&self, pool: PoolId, alias: Alias) -> bool {
        self.addresses.iter().any(|(address, (_, _, state))| {
            matches!(state, Address::Leased { .. } | Address::Grace { .. })
                && self.pool_of(*address) == (pool, Some(alias))
        })
    }

    /// An address has been removed before its time.
    pub(crate) fn check_unused(&mut self, address: IpAddr) {
        let (pool, Some(alias)) = self.pool_of(address) else { return };
        if !self.is_live(pool, alias)
            && let Some((_, state @ AliasState::Overdue)) = self.aliases.get_mut(&(pool, alias))
        {
            *state = AliasState::Abandoned;
        }
    }

    pub(crate) fn usable(&self, sid: Sid) -> BTreeSet<(PoolId, Alias)> {
        let usable = |(s, state): &(Sid, AliasState)| *s == sid && *state == AliasState::Usable;
        self.aliases
            .iter()
            .filter(|(_, entry)| self.sids.contains(&sid) && usable(entry))
            .map(|(key, _)| *key)
            .collect()
    }

    /// Whether the SID could draw this address if it were free and its pool not in quarantine.
    pub(crate) fn reaches(&self, usable: &BTreeSet<(PoolId, Alias)>, address: IpAddr) -> bool {
        let (pool, alias) = self.pool_of(address);
        alias.is_none_or(|alias| usable.contains(&(pool, alias)))
    }

    pub(crate) fn is_quarantined(&self, pool: PoolId) -> bool {
        self.quarantine.get(&pool).is_some_and(|until| *until > self.now)
    }

    /// What a SID can use of a pool: how many addresses there are, and how many are free. `None` if it cannot use it.
    pub(crate) fn room(&self, sid: Sid, pool: PoolId) -> Option<(u128, u128)> {
        let usable = self.usable(sid);
        let (size, ways) = match &self.pool.codecs()[usize::from(pool.0)] {
            Codec::Alias(codec) => (1 << codec.random_bits(), usable.iter().filter(|(p, _)| *p == pool).count()),
            Codec::Naive(codec) => (u128::from(codec.capacity()), 1),
        };
        let taken = |address: &&IpAddr| self.pool_of(**address).0 == pool && self.reaches(&usable, **address);
        let size = size * ways as u128;
        (ways > 0).then(|| (size, size - self.addresses.keys().filter(taken).count() as u128))
    }

    pub(crate) fn leased_to(&self, client: Client, address: IpAddr) -> bool {
        matches!(self.addresses.get(&address), Some((Some(c), _, Address::Leased { expires })) if *c == client && *expires > self.now)
    }

    /// alias-unique: a new alias was neither valid nor resting.
    pub(crate) fn draw(&mut self, new: NewAliases, sids: &[Sid]) {
        let mut drawn: BTreeMap<(PoolId, Sid), u32> = BTreeMap::new();
        for (pool, sid, alias) in new.aliases {
            *drawn.entry((pool, sid)).or_default() += 1;
            let before = self.aliases.insert((pool, alias), (sid, AliasState::Pending(new.epoch)));
            assert_eq!(before, None, "alias {alias} was drawn again");
        }
        let count = self.epochs.aliases_per_sid;
        let each = |(pool, _): (PoolId, _)| sids.iter().map(move |sid| ((pool, *sid), count));
        let expected = self.alias_pools().flat_map(each).collect();
        assert_eq!(drawn, expected);
    }

    /// In each alias pool.
    pub(crate) fn free_aliases(&self) -> Vec<(PoolId, u64)> {
        let taken = |pool| self.aliases.keys().filter(|(p, _)| *p == pool).count() as u64;
        self.alias_pools().map(|(pool, codec)| (pool, codec.alias_count() - taken(pool))).collect()
    }

    pub(crate) fn deadline(&self, state: Address) -> Option<u64> {
        match state {
            Address::Leased { expires } => Some(expires),
            Address::Grace { since } => Some(since + millis(self.leases.grace)),
            Address::Removing => None,
            Address::Cooling { since } => Some(since + millis(self.leases.cool_down)),
        }
    }
}
