//! What must hold.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

use mimiq_addressing::{Codec, LeaseState};
use mimiq_contract::{Entry, EntryKey};
use mimiq_core::{Location, rules};

use crate::{
    promises::Promise,
    switch::SimSwitch,
    world::{K, T_SID, World},
};

impl World {
    fn alias_prefix(&self, address: IpAddr) -> Option<Ipv6Addr> {
        let IpAddr::V6(v6) = address else { return None };
        self.settings.pools.iter().find_map(|pool| match &pool.codec {
            Codec::Alias(codec) => codec.decode(v6).map(|(alias, _)| codec.alias_prefix(alias)),
            Codec::Naive(_) => None,
        })
    }

    /// rules-before-reply.
    pub(crate) fn rules_are_there(&self, address: IpAddr, location: Location) {
        let has = |switch: &SimSwitch, entry: Entry| switch.tables.get(&entry.key()) == Some(&entry);
        let at = self.switches.iter().find(|s| s.spec.sid == Some(location.sid)).expect("a switch");
        if !at.emptied {
            for rule in [rules::delivery(location, address), rules::guard(location, address)] {
                assert!(has(at, rule), "rules-before-reply: {} lacks {rule:?}", at.spec.name);
            }
        }
        let rule = match self.alias_prefix(address) {
            Some(prefix) => rules::alias(prefix, at.spec.tunnel_addr),
            None => rules::binding(address, at.spec.tunnel_addr),
        };
        let core = self.core.as_ref().unwrap();
        for edge in self.switches.iter().filter(|s| s.spec.edge && !s.emptied) {
            let waived = edge.id.and_then(|id| core.switch(id)).is_none_or(|s| !s.counts_as_edge());
            // One that was away since it came knows nothing, and forwards nothing.
            assert!(
                waived || edge.tables.is_empty() || has(edge, rule),
                "rules-before-reply: {} lacks {rule:?}",
                edge.spec.name
            );
        }
    }

    /// alias-unique.
    pub(crate) fn alias_is_fresh(&mut self, address: IpAddr, sid: u16) {
        let Some(prefix) = self.alias_prefix(address) else { return };
        let rest = T_SID * u64::from(K);
        if let Some((other, at)) = self.aliases.insert(prefix, (sid, self.now)) {
            assert!(other == sid || self.now >= at + rest, "alias-unique: {prefix} of {other} at {at}, of {sid} now");
        }
    }

    /// What must hold at every moment.
    pub(crate) fn check(&mut self) {
        self.seen.checks += 1;
        for (address, promise) in self.promises.by_address.iter().filter(|(_, promise)| promise.end > self.now) {
            let Promise { location, until, .. } = promise;
            let all = self.switches.iter().chain(&self.removed);
            let Some(at) = all.filter(|s| s.spec.sid == Some(location.sid)).find(|s| !s.emptied) else { continue };
            let delivery = rules::delivery(*location, *address);
            let kept = promise.forgotten || at.tables.get(&delivery.key()) == Some(&delivery);
            assert!(kept, "in-flight: {address} {promise:?} at {}", self.now);
            let guard = rules::guard(*location, *address);
            assert!(
                promise.forgotten || *until <= self.now || at.tables.contains_key(&guard.key()),
                "lost: {promise:?} at {}",
                self.now
            );
            // source-guard: nobody else may send from it.
            for switch in self.switches.iter().filter(|s| !s.stale) {
                for key in switch.tables.keys().filter(|key| rules::address_of(key) == Some(*address)) {
                    let is_guard = matches!(key, EntryKey::SourceGuardV6(_) | EntryKey::SourceGuardV4(_));
                    assert!(
                        !is_guard || (*key == guard.key() && switch.spec.sid == Some(location.sid)),
                        "source-guard: {key:?} at {} while {promise:?}",
                        switch.spec.name
                    );
                }
            }
        }
    }

    /// Whether every client that is at a switch gets an address.
    pub(crate) fn all_serve(&mut self) -> bool {
        let ready = self.core.as_ref().is_some_and(|core| core.not_ready().is_empty());
        ready && self.switches.iter().all(|s| !s.emptied)
    }

    /// After all leases have ended: no-leak.
    pub(crate) fn nothing_is_left(&mut self) {
        let core = self.core.as_ref().unwrap();
        let in_use = core.pools().leases().filter(|lease| lease.state != LeaseState::Cooling).count();
        assert_eq!(in_use, 0, "leases that do not end");
        for switch in &self.switches {
            let Some(id) = switch.id else { continue };
            let wanted: BTreeMap<EntryKey, Entry> = core.desired(id).into_iter().map(|e| (e.key(), e)).collect();
            let lacking: Vec<_> = wanted.iter().filter(|(k, v)| switch.tables.get(k) != Some(v)).collect();
            let leaked: Vec<_> = switch.tables.iter().filter(|(k, v)| wanted.get(k) != Some(v)).collect();
            assert!(
                lacking.is_empty() && leaked.is_empty(),
                "no-leak: {} lacks {lacking:?}, has {leaked:?}",
                switch.spec.name
            );
            assert!(!switch.tables.keys().any(|key| rules::address_of(key).is_some()), "no-leak: {}", switch.spec.name);
        }
        self.seen.epochs += core.stats().epochs;
    }
}
