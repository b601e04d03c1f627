//! The pools' view is the model's.

use std::collections::{BTreeMap, BTreeSet};

use mimiq_addressing::*;

use crate::{common::*, reference::*};

impl Model {
    pub(crate) fn compare(&self) {
        self.compare_addresses();
        self.compare_clients();
        let valid = |state: &AliasState| {
            use AliasState::*;
            matches!(state, Pending(_) | Usable | Retained { .. } | Overdue)
        };
        let of = |wanted: &dyn Fn(&AliasState) -> bool| -> BTreeSet<(PoolId, Sid, Alias)> {
            let matching = self.aliases.iter().filter(|(_, (_, state))| wanted(state));
            matching.map(|((pool, alias), (sid, _))| (*pool, *sid, *alias)).collect()
        };
        let aliases: Vec<_> = self.pool.aliases().collect();
        assert_eq!(aliases.len(), of(&valid).len());
        assert_eq!(aliases.into_iter().collect::<BTreeSet<_>>(), of(&valid));
        assert_eq!(self.pool.usable_aliases().collect::<BTreeSet<_>>(), of(&|state| *state == AliasState::Usable));

        let addresses = self.addresses.values().filter_map(|(_, _, state)| self.deadline(*state)).min();
        if let Some(soonest) = addresses {
            assert!(self.pool.next_deadline().unwrap().as_millis() <= soonest.max(self.now));
        }
        for sid in (0..4).map(Sid) {
            for family in [Family::V6, Family::V4] {
                let pools =
                    self.codecs().filter(|(pool, codec)| codec.family() == family && !self.is_quarantined(*pool));
                let free: u128 = pools.filter_map(|(pool, _)| self.room(sid, pool)).map(|(_, free)| free).sum();
                let expected = if self.sids.contains(&sid) { free } else { 0 };
                assert_eq!(self.pool.free_for(sid, family), expected);
            }
        }
    }

    fn compare_addresses(&self) {
        let mut occupancy = BTreeMap::new();
        for (address, (client, location, state)) in &self.addresses {
            let lease = self.pool.get(*address).unwrap();
            assert_eq!((lease.pool, lease.alias), self.pool_of(*address));
            let of_pool: &mut Occupancy = occupancy.entry(lease.pool).or_default();
            let (expected, count) = match state {
                Address::Leased { .. } => (LeaseState::Leased, &mut of_pool.leased),
                Address::Grace { .. } => (LeaseState::Grace, &mut of_pool.grace),
                Address::Removing => (LeaseState::Removing, &mut of_pool.removing),
                Address::Cooling { .. } => (LeaseState::Cooling, &mut of_pool.cooling),
            };
            *count += 1;
            assert_eq!((lease.state, lease.client, lease.location), (expected, *client, *location));
            if let Some(deadline) = self.deadline(*state) {
                assert_eq!(lease.deadline.as_millis(), deadline);
            }
        }
        let mut total = Occupancy::default();
        for (pool, codec) in self.codecs() {
            let of_pool = self.pool.pool_occupancy(pool);
            assert_eq!(of_pool.occupancy, occupancy.remove(&pool).unwrap_or_default());
            assert_eq!(of_pool.capacity, codec.capacity());
            total.leased += of_pool.occupancy.leased;
            total.grace += of_pool.occupancy.grace;
            total.removing += of_pool.occupancy.removing;
            total.cooling += of_pool.occupancy.cooling;
        }
        assert_eq!(self.pool.occupancy(), total);
        assert_eq!(self.pool.leases().count(), self.addresses.len());
        // In pages of three.
        let (mut cursor, mut listed) = (0, BTreeSet::new());
        loop {
            let page: Vec<_> = self.pool.leases_after(cursor).take(3).collect();
            let Some((last, _)) = page.last() else { break };
            cursor = *last;
            page.iter().for_each(|(_, lease)| assert!(listed.insert(lease.address)));
        }
        assert!(listed.iter().eq(self.addresses.keys()));
    }

    fn compare_clients(&self) {
        for client in 0..4 {
            let held = |(_, (c, _, state)): &(_, &(Option<Client>, _, Address))| {
                *c == Some(client) && !matches!(state, Address::Cooling { .. })
            };
            let expected: BTreeSet<_> = self.addresses.iter().filter(held).map(|(address, _)| *address).collect();
            let listed: Vec<_> = self.pool.leases_of(client).map(|lease| lease.address).collect();
            assert_eq!(self.pool.held(client) as usize, listed.len());
            assert_eq!(listed.len(), expected.len());
            assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
