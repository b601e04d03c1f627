//! What happens when time passes: rules go, addresses and aliases come back.

use std::{collections::BTreeMap, net::IpAddr};

use mimiq_addressing::{Alias, Event, Lease, PoolId, Sid, Time};

use crate::{
    ClientId, Core, Ended, Location, Operation, rules,
    switch::{Owner, Status},
    writes::{Removal, Removed},
};

type Leases = [Lease<ClientId, Location>];

impl Core {
    /// Does what is due.
    pub fn advance(&mut self, now: Time) {
        let mut events = Vec::new();
        self.pools.advance(now, &mut events);
        let (mut expired, mut removed, mut aliases) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Expired(lease) => expired.push(lease),
                Event::RemoveRules(lease) => removed.push(lease),
                Event::Freed(_) => self.stats.freed += 1,
                Event::DeleteAlias { pool, sid, alias } => aliases.push((pool, sid, alias)),
            }
        }
        self.stop_sending(&expired);
        self.remove_rules(now, &removed);
        self.retire_aliases(aliases);
        self.rotate_if_due(now);
        self.retry_if_due(now);
        self.reread_if_due(now);
        self.end_quarantine_if_due(now);
        self.forget_left_switches(now);
        self.pump_all();
    }

    /// Leases have ended: their clients can no longer send from the addresses.
    pub(crate) fn stop_sending(&mut self, ended: &Leases) {
        let grace = self.settings.leases.grace;
        self.note_ended(ended.iter().map(|lease| Ended {
            address: lease.address,
            location: lease.location,
            at: Time::from_elapsed(lease.deadline.since(Time::default()).saturating_sub(grace)),
        }));
        for (sid, leases) in by_switch(ended) {
            let Some(id) = self.by_sid.get(&sid).copied() else { continue };
            let guard = |lease: &&Lease<ClientId, Location>| {
                Operation::Delete(rules::guard(lease.location, lease.address).key())
            };
            // Not awaited: the address is not free before its other rules are gone too, and those go later. A switch that
            // is away loses them when it is read.
            self.enqueue(id, Owner::Cleanup, leases.iter().map(guard).collect());
        }
    }

    /// Nothing is delivered any more; when that is sure, the addresses begin to rest.
    pub(crate) fn remove_rules(&mut self, now: Time, ended: &Leases) {
        for (sid, leases) in by_switch(ended) {
            let addresses: Vec<IpAddr> = leases.iter().map(|lease| lease.address).collect();
            let removal = self.removals.insert(Removal { what: Removed::Addresses(addresses), waiting: 1 });
            if let Some(id) = self.by_sid.get(&sid).copied() {
                // A set that is taken back has guards as well.
                let guards = leases.iter().map(|lease| rules::guard(lease.location, lease.address).key());
                let deliveries = leases.iter().map(|lease| rules::delivery(lease.location, lease.address).key());
                self.remove_from(id, removal, guards.chain(deliveries).map(Operation::Delete).collect());
            }
            let naive = leases.iter().filter(|lease| lease.alias.is_none());
            let unbind = |lease: &&Lease<ClientId, Location>| {
                Operation::Delete(rules::binding(lease.address, std::net::Ipv6Addr::UNSPECIFIED).key())
            };
            let bindings: Vec<Operation> = naive.map(unbind).collect();
            self.remove_from_edges(removal, &bindings);
            self.removal_step(now, removal);
        }
    }

    /// An alias that the store takes for one in use would be used again after a crash: it is stored before it goes.
    fn retire_aliases(&mut self, aliases: Vec<(PoolId, Sid, Alias)>) {
        if !aliases.is_empty() {
            let version = self.store(None);
            self.retired.push((version, aliases));
        }
    }

    /// Deletes the aliases of which the store knows by now.
    pub(crate) fn remove_retired_aliases(&mut self, now: Time) {
        let stored = self.stored_version;
        for (_, aliases) in self.retired.extract_if(.., |(version, _)| *version <= stored).collect::<Vec<_>>() {
            self.remove_aliases(now, aliases);
        }
    }

    fn remove_aliases(&mut self, now: Time, aliases: Vec<(PoolId, Sid, Alias)>) {
        let key = |(pool, _, alias): &(PoolId, Sid, Alias)| {
            Operation::Delete(rules::alias(self.alias_prefix(*pool, *alias), std::net::Ipv6Addr::UNSPECIFIED).key())
        };
        let operations: Vec<Operation> = aliases.iter().map(key).collect();
        let removal = self.removals.insert(Removal { what: Removed::Aliases(aliases), waiting: 1 });
        self.remove_from_edges(removal, &operations);
        self.removal_step(now, removal);
    }

    fn remove_from_edges(&mut self, removal: usize, operations: &[Operation]) {
        if operations.is_empty() {
            return;
        }
        let edges: Vec<_> =
            self.switches.iter().filter(|(_, s)| s.edge).map(|(id, s)| (*id, s.counts_as_edge())).collect();
        for (id, counts) in edges {
            if counts {
                self.remove_from(id, removal, operations.to_vec());
            } else {
                // Nobody waits for a drained edge switch: what it still has leads to a switch that has nothing for it.
                self.enqueue(id, Owner::Spare, operations.to_vec());
            }
        }
    }

    /// The removal waits until the switch has carried out the operations, or has been read.
    fn remove_from(&mut self, id: crate::SwitchId, removal: usize, operations: Vec<Operation>) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let waiting = if switch.status == Status::Away {
            switch.owed.push(removal);
            1
        } else {
            self.enqueue(id, Owner::Removal(removal), operations)
        };
        if let Some(removal) = self.removals.get_mut(removal) {
            removal.waiting += waiting;
        }
    }
}

fn by_switch(leases: &Leases) -> BTreeMap<u16, Vec<&Lease<ClientId, Location>>> {
    let mut switches: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for lease in leases {
        switches.entry(lease.location.sid).or_default().push(lease);
    }
    switches
}
