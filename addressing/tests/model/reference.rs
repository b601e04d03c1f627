//! The reference: maps of addresses and aliases, and what can be read from them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

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
    /// To be deleted, with the next advance.
    Abandoned,
    Deleting,
    Resting {
        since: u64,
    },
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
    pub(crate) aliases: BTreeMap<Alias, (Sid, AliasState)>,
    pub(crate) addresses: BTreeMap<Ipv6Addr, (Option<Client>, Location, Address)>,
}

pub(crate) fn nth<T: Copy>(items: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let items: Vec<T> = items.collect();
    items.get(n.checked_rem(items.len())?).copied()
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    duration.as_millis() as u64
}

impl Model {
    pub(crate) fn new(alias_bits: u8, epochs: EpochPolicy, leases: LeasePolicy, seed: u64) -> Self {
        Self {
            pool: pool(alias_bits, epochs, leases),
            rng: LowEntropy(rng(seed)),
            leases,
            epochs,
            shown: 1000,
            now: 0,
            sids: BTreeSet::new(),
            aliases: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// What is passed to the pool; it counts from then on.
    pub(crate) fn clock(&mut self) -> Time {
        self.now = self.now.max(self.shown);
        Time::from_millis(self.shown)
    }

    pub(crate) fn alias_of(&self, address: Ipv6Addr) -> Alias {
        self.pool.codec().decode(address).unwrap().0
    }

    pub(crate) fn held(&self, client: Client) -> usize {
        let cooling = |address: &Address| matches!(address, Address::Cooling { .. });
        self.addresses.values().filter(|(c, _, address)| *c == Some(client) && !cooling(address)).count()
    }

    pub(crate) fn is_live(&self, alias: Alias) -> bool {
        self.addresses.iter().any(|(address, (_, _, state))| {
            self.alias_of(*address) == alias && matches!(state, Address::Leased { .. } | Address::Grace { .. })
        })
    }

    pub(crate) fn usable(&self, sid: Sid) -> Vec<Alias> {
        let usable = |(s, state): &(Sid, AliasState)| *s == sid && *state == AliasState::Usable;
        self.aliases
            .iter()
            .filter(|(_, entry)| self.sids.contains(&sid) && usable(entry))
            .map(|(alias, _)| *alias)
            .collect()
    }

    pub(crate) fn leased_to(&self, client: Client, address: Ipv6Addr) -> bool {
        matches!(self.addresses.get(&address), Some((Some(c), _, Address::Leased { expires })) if *c == client && *expires > self.now)
    }

    /// alias-unique: a new alias was neither valid nor resting.
    pub(crate) fn draw(&mut self, new: NewAliases, sids: &[Sid]) {
        let mut drawn: BTreeMap<Sid, u32> = BTreeMap::new();
        for (sid, alias) in new.aliases {
            *drawn.entry(sid).or_default() += 1;
            let before = self.aliases.insert(alias, (sid, AliasState::Pending(new.epoch)));
            assert_eq!(before, None, "alias {alias} was drawn again");
        }
        let expected = sids.iter().map(|sid| (*sid, self.epochs.aliases_per_sid)).collect();
        assert_eq!(drawn, expected);
    }

    pub(crate) fn free_aliases(&self) -> u64 {
        self.pool.codec().alias_count() - self.aliases.len() as u64
    }

    pub(crate) fn deadline(&self, state: Address) -> Option<u64> {
        match state {
            Address::Leased { expires } => Some(expires),
            Address::Grace { since } => Some(since + millis(self.leases.grace)),
            Address::Removing => None,
            Address::Cooling { since } => Some(since + millis(self.leases.cool_down)),
        }
    }

    /// The pool's view is the model's.
    pub(crate) fn compare(&self) {
        let mut occupancy = Occupancy::default();
        for (address, (client, location, state)) in &self.addresses {
            let lease = self.pool.get(*address).unwrap();
            let (expected, count) = match state {
                Address::Leased { .. } => (LeaseState::Leased, &mut occupancy.leased),
                Address::Grace { .. } => (LeaseState::Grace, &mut occupancy.grace),
                Address::Removing => (LeaseState::Removing, &mut occupancy.removing),
                Address::Cooling { .. } => (LeaseState::Cooling, &mut occupancy.cooling),
            };
            *count += 1;
            assert_eq!((lease.state, lease.client, lease.location), (expected, *client, *location));
            if let Some(deadline) = self.deadline(*state) {
                assert_eq!(lease.deadline.as_millis(), deadline);
            }
        }
        assert_eq!(self.pool.occupancy(), occupancy);
        assert_eq!(self.pool.leases().count(), self.addresses.len());

        let valid = |state: &AliasState| {
            matches!(state, AliasState::Pending(_) | AliasState::Usable | AliasState::Retained { .. })
        };
        let expected: BTreeSet<(Sid, Alias)> = self
            .aliases
            .iter()
            .filter(|(_, (_, state))| valid(state))
            .map(|(alias, (sid, _))| (*sid, *alias))
            .collect();
        let aliases: Vec<(Sid, Alias)> = self.pool.aliases().collect();
        assert_eq!(aliases.len(), expected.len());
        assert_eq!(aliases.into_iter().collect::<BTreeSet<_>>(), expected);

        let addresses = self.addresses.values().filter_map(|(_, _, state)| self.deadline(*state)).min();
        if let Some(soonest) = addresses {
            assert!(self.pool.next_deadline().unwrap().as_millis() <= soonest);
        }
    }
}
