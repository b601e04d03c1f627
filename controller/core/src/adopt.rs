//! What is taken over from an earlier life of the controller, and what nobody can know of it.

use std::collections::HashSet;

use mimiq_addressing::{Lease, LeaseState, Sid, Time};
use mimiq_contract::{Entry, EntryKey, tables::*};

use crate::{Core, Location, Operation, Switch, SwitchId, diff::Wanted as _, rules, switch::Owner, sync::WantedOf};

/// Ports are opened last: without any, a client-facing switch was not filled, or not to the end.
pub(crate) fn is_complete(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| matches!(entry, Entry::PortRole(..)))
}

impl Core {
    /// Bindings whose leases are not known because their switch has not been read yet: running connections use them.
    pub(crate) fn unclaimed(&self, entries: &[Entry]) -> Vec<Entry> {
        let unseen = |switch_addr| {
            let unseen = |switch: &&Switch| switch.sid.is_some_and(|sid| self.is_believed(sid)) && !switch.seen;
            self.switches.values().filter(unseen).any(|switch| switch.tunnel_addr == switch_addr)
        };
        let of_unseen = |entry: &&Entry| match entry {
            Entry::BindingV6(_, BindingV6Action::Tunnel { switch_addr })
            | Entry::BindingV4(_, BindingV4Action::Tunnel { switch_addr }) => unseen(*switch_addr),
            _ => false,
        };
        entries.iter().filter(of_unseen).copied().collect()
    }

    /// A client-facing switch was read first: edge switches that were read before get the bindings of its leases, and those
    /// that it does not explain go.
    pub(crate) fn claim_bindings(&mut self, id: SwitchId) {
        let Some(switch) = self.switches.get(&id) else { return };
        let (Some(sid), tunnel) = (switch.sid, switch.tunnel_addr) else { return };
        let live = |state| matches!(state, LeaseState::Leased | LeaseState::Grace);
        let here = |lease: &Lease<_, Location>| lease.location.sid == sid && live(lease.state);
        let leases = self.pools.leases().filter(|lease| lease.alias.is_none() && here(lease));
        let bindings: Vec<Entry> = leases.map(|lease| rules::binding(lease.address, tunnel)).collect();
        for (edge, _) in self.connected_edges() {
            let there: HashSet<EntryKey> =
                self.switches.get(&edge).into_iter().flat_map(|edge| &edge.unclaimed).map(Entry::key).collect();
            let lacking = bindings.iter().filter(|binding| !there.contains(&binding.key()));
            let operations = lacking.map(|binding| Operation::Insert(*binding)).collect();
            self.enqueue(edge, Owner::Cleanup, operations);
        }
        self.drop_unclaimed(|entry| match entry {
            Entry::BindingV6(_, BindingV6Action::Tunnel { switch_addr })
            | Entry::BindingV4(_, BindingV4Action::Tunnel { switch_addr }) => *switch_addr == tunnel,
            _ => false,
        });
    }

    fn drop_unclaimed(&mut self, which: impl Fn(&Entry) -> bool) {
        let ids: Vec<SwitchId> = self.switches.keys().copied().collect();
        for id in ids {
            let Some(switch) = self.switches.get_mut(&id) else { continue };
            let (due, rest) = std::mem::take(&mut switch.unclaimed).into_iter().partition(|entry| which(entry));
            switch.unclaimed = rest;
            let Some(switch) = self.switches.get(&id) else { continue };
            let wanted = WantedOf { core: self, switch };
            let put_right = |entry: &Entry| match wanted.entry(&entry.key()) {
                Some(there) if there == *entry => None,
                Some(other) => Some(Operation::Modify(other)),
                None => Some(Operation::Delete(entry.key())),
            };
            let due: Vec<Entry> = due;
            let operations = due.iter().filter_map(put_right).collect();
            self.enqueue(id, Owner::Cleanup, operations);
        }
    }

    /// Once an emptied switch has been refilled, nobody sees any more that it was empty: that is stored before.
    pub(crate) fn is_to_be_stored_first(&mut self, now: Time, id: SwitchId, entries: &[Entry]) -> bool {
        let sid = self.switches.get(&id).filter(|switch| !switch.seen).and_then(|switch| switch.sid);
        let Some(sid) = sid.filter(|sid| self.unknown.contains(sid) && self.is_believed(*sid)) else { return false };
        if is_complete(entries) {
            return false;
        }
        if !self.emptied.contains_key(&sid) {
            tracing::warn!(sid, "a switch lost its entries while no controller was there: its leases are unknown");
            self.state.emptied = true;
            // They may still be used by clients that do not know: no new address has their aliases.
            let _ = self.pools.remove_sid(now, Sid(sid));
            let version = self.store(None);
            self.emptied.insert(sid, version);
        }
        self.emptied.get(&sid).is_some_and(|version| *version > self.stored_version)
    }

    /// Whether a switch may have leases of an earlier life that have not ended. Without a store nobody knows.
    fn is_believed(&self, sid: u16) -> bool {
        (self.unknown.contains(&sid) || self.fresh) && !self.state.stale.contains(&sid)
    }

    /// Takes over what a switch has from an earlier life of the controller.
    pub(crate) fn adopt(&mut self, now: Time, id: SwitchId, entries: &[Entry]) {
        let Some(switch) = self.switches.get(&id) else { return };
        let (sid, edge, name) = (switch.sid, switch.edge, switch.name.clone());
        if edge {
            self.adopt_aliases(now, entries);
        }
        let Some(sid) = sid.filter(|sid| self.is_believed(*sid)) else { return };
        let mut adopted = 0;
        let keys: HashSet<EntryKey> = entries.iter().map(Entry::key).collect();
        let lifetime = self.settings.leases.lifetime_max;
        for (address, location) in entries.iter().filter_map(|entry| rules::delivered(entry, sid)) {
            // Without its guard the lease had ended: the grace begins anew.
            let leased = keys.contains(&rules::guard(location, address).key());
            let expires = if leased { now + lifetime } else { now };
            match self.pools.adopt(now, address, None, location, expires) {
                Ok(()) => adopted += 1,
                Err(error) => tracing::debug!(%address, %error, "an entry of an unknown lease is deleted"),
            }
        }
        if adopted > 0 {
            tracing::info!(
                switch = &*name,
                leases = adopted,
                "leases of an earlier life go on until their longest end"
            );
        }
    }

    fn adopt_aliases(&mut self, now: Time, entries: &[Entry]) {
        for entry in entries {
            let Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr }) = *entry else { continue };
            let at = self.switches.values().find(|switch| switch.tunnel_addr == switch_addr);
            let (Some(sid), Some((pool, alias))) = (at.and_then(|s| s.sid), self.alias_at(alias_prefix)) else {
                continue;
            };
            // The aliases of the state file, and those that another edge switch has too, are known.
            if self.pools.alias_owner(pool, alias).is_none()
                && let Err(error) = self.pools.adopt_alias(now, pool, Sid(sid), alias)
            {
                tracing::debug!(%error, "an alias of an edge switch is deleted");
            }
        }
    }

    /// Whether it is on record that the switch may have leases.
    pub(crate) fn is_stored(&self, sid: u16) -> bool {
        let stored = |version: &crate::StoreVersion| *version <= self.stored_version;
        let known = self.state.sids.contains(&sid) && !self.state.stale.contains(&sid);
        known && self.new_sids.get(&sid).is_none_or(stored)
    }

    /// Whether addresses may be in use that nobody here knows of.
    pub(crate) fn has_unknown(&self) -> bool {
        !self.unknown.is_empty() || self.state.emptied
    }

    /// Addresses without alias are given only when every edge switch can be given their bindings, and none may still be in
    /// use that nobody here knows of.
    pub(crate) fn settle_quarantine(&mut self, now: Time) {
        let mut until = if self.has_unknown() { self.unknown_until.max(self.cool_until) } else { self.cool_until };
        if self.edge_missing().is_some() {
            until = Time::from_millis(u64::MAX);
        }
        let until = (until > now).then_some(until);
        for pool in self.naive_pools().collect::<Vec<_>>() {
            self.pools.set_quarantine(pool, until);
        }
    }

    /// All leases of earlier lives have ended. What a switch still has of them that was not read in all this time must not be
    /// taken for leases later, also not by the next process: that is stored before anybody else has the addresses.
    pub(crate) fn end_quarantine_if_due(&mut self, now: Time) {
        if !self.has_unknown() || self.unknown_until > now || self.lifting > self.stored_version {
            return;
        }
        let seen = |sid| self.by_sid.get(sid).and_then(|id| self.switches.get(id)).map(|switch| switch.seen);
        let unread = self.unknown.iter().filter(|sid| seen(sid) == Some(false) && !self.state.stale.contains(sid));
        let unread: Vec<u16> = unread.copied().collect();
        if !unread.is_empty() {
            tracing::warn!(sids = ?unread, "switches were out of reach until their leases ended: what they have is not adopted");
            self.state.stale.extend(unread);
            self.lifting = self.store(None);
            return;
        }
        for sid in std::mem::take(&mut self.unknown) {
            let read = self.by_sid.get(&sid).and_then(|id| self.switches.get(id)).is_some_and(|switch| switch.seen);
            if !read {
                self.state.sids.remove(&sid);
            }
        }
        self.state.emptied = false;
        self.store(None);
        self.drop_unclaimed(|_| true);
        self.settle_quarantine(now);
    }
}
