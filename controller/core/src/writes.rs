//! What goes to the switches, and what becomes of it.

use std::net::IpAddr;

use mimiq_addressing::{Alias, Epoch, PoolId, Sid, Time};

use mimiq_contract::{EntryKey, TableSchema as _, tables::PortRole};

use crate::{
    Command, Core, Fault, Operation, Switch, SwitchId, WriteError,
    diff::Wanted,
    rules,
    switch::{Job, NO_RANK, Owner, Status},
    sync::{AGAIN, WantedOf},
};

/// Operations of a job: so that several clients' sets share a write, and one that is refused is no smaller than a set.
const JOB: usize = 512;

/// Rules that must be gone everywhere before what they were for can rest.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) what: Removed,
    /// Jobs that are not done, and switches that must be read first.
    pub(crate) waiting: usize,
}

#[derive(Debug)]
pub(crate) enum Removed {
    Addresses(Vec<IpAddr>),
    Aliases(Vec<(PoolId, Sid, Alias)>),
}

impl Core {
    /// Queues operations for a connected switch; returns how many jobs they are.
    pub(crate) fn enqueue(&mut self, id: SwitchId, owner: Owner, operations: Vec<Operation>) -> usize {
        let Some(switch) = self.switches.get_mut(&id) else { return 0 };
        if operations.is_empty() || switch.status == Status::Away {
            return 0;
        }
        if operations.len() <= JOB {
            switch.queue.push_back(Job { owner, rank: NO_RANK, operations });
            return 1;
        }
        let jobs = operations.chunks(JOB).map(|part| Job { owner, rank: NO_RANK, operations: part.to_vec() });
        switch.queue.extend(jobs);
        operations.len().div_ceil(JOB)
    }

    /// Gives out the writes that may be given out.
    pub(crate) fn pump_all(&mut self) {
        for (id, switch) in &mut self.switches {
            while let Some(connection) = switch.connection
                && let Some(operations) = switch.next_write()
            {
                self.commands.push(Command::Write { switch: *id, connection, operations });
            }
        }
    }

    /// The oldest write that was given out for this connection has been answered; `faults` are the operations that were
    /// refused, in the order of their indices.
    pub fn switch_wrote(&mut self, now: Time, id: SwitchId, connection: u64, faults: &[Fault]) {
        let Some(switch) = self.switches.get_mut(&id).filter(|switch| switch.connection == Some(connection)) else {
            return;
        };
        let Some(spans) = switch.in_flight.pop_front() else { return };
        let (mut start, mut faults) = (0, faults);
        for span in spans {
            let end = start + span.operations;
            let (own, others) = faults.split_at(faults.partition_point(|fault| fault.index < end));
            (start, faults) = (end, others);
            self.settle(now, id, span.owner, own);
        }
        self.join_if_right(now, id);
        // A removal that was refused may have ended the connection meanwhile.
        self.pump_all();
    }

    /// A job was carried out.
    fn settle(&mut self, now: Time, id: SwitchId, owner: Owner, faults: &[Fault]) {
        for fault in faults {
            self.stats.refused_entries += 1;
            if let Some(switch) = self.switches.get(&id) {
                let (switch, table, code) = (&*switch.name, fault.operation.key().table_id(), fault.code);
                tracing::error!(switch, table, code, "switch refused an entry");
            }
            // It may name a client's address.
            tracing::debug!(message = fault.message, "refused because");
        }
        let undeleted = faults.iter().any(|fault| matches!(fault.operation, Operation::Delete(_)));
        match owner {
            Owner::Grant(grant) => self.grant_written(now, id, grant, faults.first()),
            Owner::Removal(_) | Owner::Cleanup | Owner::Spare | Owner::Fixed if undeleted => {
                if let Owner::Removal(removal) = owner
                    && let Some(switch) = self.switches.get_mut(&id)
                {
                    switch.owed.push(removal);
                }
                self.reconnect(now, id);
            }
            Owner::Removal(removal) => self.removal_step(now, removal),
            Owner::Epoch(epoch) if faults.is_empty() => self.has_alias_epoch(id, epoch),
            Owner::Epoch(_) => self.try_again_later(now, id, faults),
            Owner::Sync => self.sync_written(now, id, faults),
            Owner::Retry(epoch) => self.retried(now, id, epoch, faults),
            Owner::Fixed | Owner::Cleanup | Owner::Spare => self.try_again_later(now, id, faults),
        }
    }

    /// The switch refused entries: perhaps it takes them later.
    pub(crate) fn try_again_later(&mut self, now: Time, id: SwitchId, faults: &[Fault]) {
        let Some(switch) = self.switches.get_mut(&id).filter(|_| !faults.is_empty()) else { return };
        switch.refused.extend(faults.iter().map(|fault| fault.operation.key()));
        switch.retry.get_or_insert(now + AGAIN);
    }

    /// Writes what switches refused, if it is still wanted.
    pub(crate) fn retry_if_due(&mut self, now: Time) {
        let epoch = self.last_spread();
        let due = |(id, switch): (&SwitchId, &mut Switch)| switch.retry.take_if(|at| *at <= now).map(|_| *id);
        for id in self.switches.iter_mut().filter_map(due).collect::<Vec<_>>() {
            let Some(switch) = self.switches.get_mut(&id) else { continue };
            let mut keys = std::mem::take(&mut switch.refused);
            if keys.iter().any(|key| rules::address_of(key).is_some()) {
                // No port opens before the leases' rules are there (see `hold_ports`).
                let (ports, others) = keys.into_iter().partition(|key| key.table_id() == PortRole::ID);
                (switch.refused, keys) = (ports, others);
                switch.retry = (!switch.refused.is_empty()).then_some(now + AGAIN);
            }
            let Some(switch) = self.switches.get(&id) else { continue };
            let wanted = WantedOf { core: self, switch };
            let operation = |key: &EntryKey| match wanted.entry(key) {
                Some(entry) => Operation::set(entry, false),
                None => Operation::Delete(*key),
            };
            let operations = keys.iter().map(operation).collect();
            self.enqueue_whole(id, Owner::Retry(epoch), operations);
        }
    }

    fn retried(&mut self, now: Time, id: SwitchId, epoch: Option<Epoch>, faults: &[Fault]) {
        self.try_again_later(now, id, faults);
        let all = self.switches.get(&id).is_some_and(|switch| switch.edge && switch.refused.is_empty());
        if let Some(epoch) = epoch.filter(|_| all) {
            self.has_aliases(id, epoch);
        }
    }

    fn grant_written(&mut self, now: Time, id: SwitchId, grant: usize, fault: Option<&Fault>) {
        let error = fault.map(|Fault { code, message, .. }| WriteError::Refused {
            switch: self.switches.get(&id).map(|switch| switch.name.clone()).unwrap_or_default(),
            code: *code,
            message: message.clone(),
        });
        self.grant_step(now, grant, error);
    }

    fn grant_step(&mut self, now: Time, grant: usize, error: Option<WriteError>) {
        let Some(pending) = self.grants.get_mut(grant) else { return };
        pending.failed = pending.failed.take().or(error);
        pending.waiting -= 1;
        if pending.waiting == 0 {
            self.finish_grant(now, grant);
        }
    }

    /// One of those that a removal waits for has done its part.
    pub(crate) fn removal_step(&mut self, now: Time, removal: usize) {
        let Some(pending) = self.removals.get_mut(removal) else { return };
        pending.waiting -= 1;
        if pending.waiting > 0 {
            return;
        }
        match self.removals.remove(removal).what {
            Removed::Addresses(addresses) => {
                for address in addresses {
                    self.pools.rules_removed(now, address);
                }
            }
            Removed::Aliases(aliases) => {
                for (pool, _, alias) in aliases {
                    self.pools.alias_deleted(now, pool, alias);
                }
            }
        }
    }

    /// The connection on which the switch was read is gone; what was not answered may or may not have been done.
    pub fn switch_lost(&mut self, now: Time, id: SwitchId, connection: u64) {
        let current = self.switches.get(&id).is_some_and(|switch| switch.connection == Some(connection));
        if current {
            self.forget_connection(now, id);
            self.pump_all();
        }
    }

    /// Reads switches again that refused to delete something.
    pub(crate) fn reread_if_due(&mut self, now: Time) {
        let due = |(id, switch): (&SwitchId, &Switch)| switch.reread.filter(|at| *at <= now).map(|_| *id);
        for id in self.switches.iter().filter_map(due).collect::<Vec<_>>() {
            self.reconnect(now, id);
        }
    }

    /// What the switch has is not what it was told: it must be read again.
    fn reconnect(&mut self, now: Time, id: SwitchId) {
        let Some(connection) = self.switches.get(&id).and_then(|switch| switch.connection) else { return };
        self.commands.push(Command::Reconnect { switch: id, connection });
        self.forget_connection(now, id);
    }

    pub(crate) fn forget_connection(&mut self, now: Time, id: SwitchId) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        (switch.status, switch.connection) = (Status::Away, None);
        (switch.retry, switch.reread) = (None, None);
        switch.refused.clear();
        let written = std::mem::take(&mut switch.in_flight).into_iter().flatten().map(|span| span.owner);
        let queued = std::mem::take(&mut switch.queue).into_iter().map(|job| job.owner);
        let name = switch.name.clone();
        for owner in written.chain(queued).collect::<Vec<_>>() {
            match owner {
                Owner::Grant(grant) => self.grant_step(now, grant, Some(WriteError::Unavailable(name.clone()))),
                Owner::Removal(removal) => {
                    if let Some(switch) = self.switches.get_mut(&id) {
                        switch.owed.push(removal);
                    }
                }
                // The next reading shows what is missing.
                Owner::Epoch(_) | Owner::Sync | Owner::Retry(_) | Owner::Fixed | Owner::Cleanup | Owner::Spare => {}
            }
        }
        self.settle_quarantine(now);
    }
}
