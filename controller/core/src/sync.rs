//! Reading a switch and putting it right: read, diff, write; never delete all.

use std::time::Duration;

use mimiq_addressing::{LeaseState, Time};
use mimiq_contract::{Entry, EntryKey, tables::*};

use crate::{
    Command, Core, Fault, Location, Operation, Switch, SwitchId,
    adopt::is_complete,
    diff::{Wanted, diff},
    rules,
    switch::{Job, Owner, Status, Sync},
};

/// Before a switch that refused something is asked again.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// What the pools and the configuration want of one switch.
pub(crate) struct WantedOf<'a> {
    pub(crate) core: &'a Core,
    pub(crate) switch: &'a Switch,
}

impl WantedOf<'_> {
    /// The rules of a lease here, if it has any.
    fn of_lease(&self, lease: &mimiq_addressing::Lease<crate::ClientId, Location>, visit: &mut dyn FnMut(Entry)) {
        let leased = lease.state == LeaseState::Leased;
        if !leased && lease.state != LeaseState::Grace {
            return;
        }
        if self.switch.sid == Some(lease.location.sid) {
            visit(rules::delivery(lease.location, lease.address));
            if leased {
                visit(rules::guard(lease.location, lease.address));
            }
        }
        if self.switch.edge
            && lease.alias.is_none()
            && let Some(at) = self.core.by_sid.get(&lease.location.sid).and_then(|id| self.core.switches.get(id))
        {
            visit(rules::binding(lease.address, at.tunnel_addr));
        }
    }
}

impl Wanted for WantedOf<'_> {
    fn entry(&self, key: &EntryKey) -> Option<Entry> {
        if let Some(address) = rules::address_of(key) {
            let mut found = None;
            self.of_lease(&self.core.pools.get(address)?, &mut |entry| {
                if entry.key() == *key {
                    found = Some(entry);
                }
            });
            return found;
        }
        if let EntryKey::Alias(AliasKey { alias_prefix }) = key {
            if !self.switch.edge {
                return None;
            }
            let (pool, alias) = self.core.alias_at(*alias_prefix)?;
            let sid = self.core.pools.alias_owner(pool, alias)?;
            let at = self.core.switches.get(self.core.by_sid.get(&sid.0)?)?;
            return Some(rules::alias(*alias_prefix, at.tunnel_addr));
        }
        self.switch.fixed.get(key).copied()
    }

    fn each(&self, visit: &mut dyn FnMut(Entry)) {
        for entry in self.switch.fixed.values() {
            visit(*entry);
        }
        if self.switch.edge {
            for (pool, sid, alias) in self.core.pools.aliases() {
                if let Some(at) = self.core.by_sid.get(&sid.0).and_then(|id| self.core.switches.get(id)) {
                    visit(rules::alias(self.core.alias_prefix(pool, alias), at.tunnel_addr));
                }
            }
        }
        if self.switch.sid.is_some() || self.core.naive_pools().next().is_some() {
            for lease in self.core.pools.leases() {
                self.of_lease(&lease, visit);
            }
        }
    }
}

impl Core {
    /// A switch was connected and read: these are its entries. `connection` is greater than those before.
    pub fn switch_read(&mut self, now: Time, id: SwitchId, connection: u64, entries: &[Entry]) {
        let Some(switch) = self.switches.get(&id) else { return };
        if switch.connection.is_some() {
            self.forget_connection(now, id);
        }
        if self.is_to_be_stored_first(now, id, entries) {
            self.commands.push(Command::Reconnect { switch: id, connection });
            return;
        }
        let first = self.switches.get_mut(&id).is_some_and(|switch| !std::mem::replace(&mut switch.seen, true));
        if first {
            self.adopt(now, id, entries);
        }
        let Some(switch) = self.switches.get(&id) else { return };
        let mut operations = diff(&WantedOf { core: self, switch }, entries);
        let unclaimed = if switch.edge { self.unclaimed(entries) } else { Vec::new() };
        let left_alone = |operation: &Operation| match operation {
            // A valid alias of a switch that was removed goes when its time is over: the store may say that it is in use.
            Operation::Delete(EntryKey::Alias(AliasKey { alias_prefix })) => {
                let alias = self.alias_at(*alias_prefix);
                alias.is_some_and(|(pool, alias)| self.pools.alias_owner(pool, alias).is_some()) && switch.edge
            }
            other => unclaimed.iter().any(|entry| entry.key() == other.key()),
        };
        operations.retain(|(_, operation)| !left_alone(operation));
        if !operations.is_empty() {
            let (switch, entries, changes) = (&*switch.name, entries.len(), operations.len());
            tracing::info!(switch, entries, changes, "reconciling");
        }
        let epoch = self.last_spread();
        let Some(switch) = self.switches.get_mut(&id) else { return };
        (switch.status, switch.connection, switch.unclaimed) = (Status::Syncing, Some(connection), unclaimed);
        for same_rank in operations.chunk_by(|(a, _), (b, _)| a == b) {
            for part in same_rank.chunks(512) {
                let operations = part.iter().map(|(_, operation)| *operation).collect();
                switch.queue.push_back(Job { owner: Owner::Sync, rank: part[0].0, operations });
            }
        }
        let closed = switch.sid.is_some() && !is_complete(entries);
        switch.sync = Sync { jobs: switch.queue.len(), epoch, closed, ..Sync::default() };
        if switch.sync.jobs == 0 {
            self.finish_sync(now, id);
            self.join_if_right(now, id);
        }
        if first {
            self.claim_bindings(id);
            self.draw_first_aliases(now);
        }
        self.pump_all();
    }

    /// A part of what the reading showed was written.
    pub(crate) fn sync_written(&mut self, now: Time, id: SwitchId, faults: &[Fault]) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        for fault in faults {
            // What the operator configured and the switch refuses is the operator's to mend; the rest goes on.
            switch.sync.undeleted |= matches!(fault.operation, Operation::Delete(_));
            if !matches!(fault.operation, Operation::Delete(_)) {
                switch.refused.insert(fault.operation.key());
            }
        }
        switch.sync.jobs -= 1;
        if switch.sync.closed && switch.refused.iter().any(|key| rules::address_of(key).is_some()) {
            switch.hold_ports();
        }
        if switch.sync.jobs == 0 {
            self.finish_sync(now, id);
        }
    }

    fn finish_sync(&mut self, now: Time, id: SwitchId) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        switch.status = Status::Synced;
        let Sync { undeleted, epoch, .. } = std::mem::take(&mut switch.sync);
        let (edge, sid) = (switch.edge, switch.sid);
        // What a half-written set of an earlier life left, or one that was not believed, is gone only now. The leases of the
        // latter have ended for nobody but us: their time runs on.
        let refuted = sid.filter(|sid| !undeleted && self.state.stale.remove(sid));
        if let (Some(sid), false, None) = (sid, undeleted, refuted) {
            self.unknown.remove(&sid);
        }
        let confirmed = if undeleted { Vec::new() } else { std::mem::take(&mut switch.owed) };
        let alias_refused = switch.refused.iter().any(|key| matches!(key, EntryKey::Alias(_)));
        switch.retry = (!switch.refused.is_empty()).then_some(now + AGAIN);
        switch.reread = undeleted.then_some(now + AGAIN);
        tracing::info!(switch = &*switch.name, "switch in sync");
        for removal in confirmed {
            self.removal_step(now, removal);
        }
        if edge
            && !alias_refused
            && let Some(epoch) = epoch
        {
            self.has_aliases(id, epoch);
        }
        if let Some(sid) = sid
            && (self.state.sids.insert(sid) || refuted.is_some())
        {
            let version = self.store(None);
            self.new_sids.insert(sid, version);
        }
        self.settle_quarantine(now);
    }
}
