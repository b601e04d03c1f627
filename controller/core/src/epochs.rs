//! Alias epochs: every t_sid new aliases are stored, then go to every edge switch, and are used when all have them
//! (MIMIQ §3.3) and the store says so.

use std::collections::BTreeSet;

use mimiq_addressing::{Alias, AliasError, Epoch, NewAliases, PoolId, Sid, Time};

use crate::{
    Command, Core, Operation, Phase, StoreVersion, StoredAlias, SwitchId, rules,
    switch::{Owner, Status},
};

/// Aliases that are not used yet.
#[derive(Debug)]
pub(crate) struct Pending {
    aliases: Vec<(PoolId, Sid, Alias)>,
    phase: Spread,
}

impl Pending {
    pub(crate) fn aliases(&self) -> &[(PoolId, Sid, Alias)] {
        &self.aliases
    }
}

#[derive(Debug)]
enum Spread {
    /// An alias that a crash leaves at an edge must be known afterwards.
    Storing(StoreVersion),
    /// Edge switches that do not have them yet.
    Waiting(BTreeSet<SwitchId>),
    /// After a crash, those that were in use go on, and no older ones.
    Confirming(StoreVersion),
}

impl Core {
    /// Gives every client-facing switch that has none its first aliases.
    pub(crate) fn draw_first_aliases(&mut self, now: Time) {
        if !self.started {
            return;
        }
        // Nothing is known of the aliases of an earlier life: the edge switches have them.
        let has_aliases = self.alias_codecs().next().is_some();
        if has_aliases && self.fresh && self.switches.values().any(|switch| switch.counts_as_edge() && !switch.seen) {
            return;
        }
        let without: Vec<u16> =
            self.by_sid.iter().filter(|(_, id)| self.is_served(**id)).map(|(sid, _)| *sid).collect();
        for sid in without.into_iter().collect::<BTreeSet<u16>>() {
            match self.pools.add_sid(now, &mut self.rng, Sid(sid)) {
                Ok(new) => self.introduce(now, new),
                Err(AliasError::SidExists(_)) => {}
                Err(error) => {
                    self.stats.epoch_failures += 1;
                    tracing::error!(sid, %error, "no aliases for a switch");
                }
            }
        }
    }

    fn is_served(&self, id: SwitchId) -> bool {
        self.switches.get(&id).is_some_and(|switch| !switch.drained && !switch.leaving)
    }

    pub(crate) fn rotate_if_due(&mut self, now: Time) {
        if self.pools.next_rotation().is_none_or(|next| next > now) {
            return;
        }
        self.retire_unknown_sids(now);
        match self.pools.rotate(now, &mut self.rng) {
            Ok(new) => self.introduce(now, new),
            Err(error) => {
                self.stats.epoch_failures += 1;
                tracing::error!(%error, "no new alias epoch: the old aliases stay in use");
            }
        }
        // Those that had none because the space was full.
        self.draw_first_aliases(now);
    }

    /// A switch that was there in an earlier life and is configured no more needs no new aliases.
    pub(crate) fn retire_unknown_sids(&mut self, now: Time) {
        let usable: BTreeSet<Sid> = self.pools.usable_aliases().map(|(_, sid, _)| sid).collect();
        for sid in usable.into_iter().filter(|sid| !self.by_sid.contains_key(&sid.0)) {
            // It is there: it has usable aliases.
            let _ = self.pools.remove_sid(now, sid);
        }
    }

    fn introduce(&mut self, now: Time, new: NewAliases) {
        if new.aliases.is_empty() {
            self.pools.confirm(now, new.epoch);
            return;
        }
        let version = self.store(None);
        self.epochs.insert(new.epoch, Pending { aliases: new.aliases, phase: Spread::Storing(version) });
    }

    /// What was given out with [`Command::Store`] is stored, or something later.
    pub fn stored(&mut self, now: Time, version: StoreVersion) {
        self.stored_version = self.stored_version.max(version);
        self.remove_retired_aliases(now);
        self.end_quarantine_if_due(now);
        let stored = self.stored_version;
        let due = |phase: &Spread| matches!(phase, Spread::Storing(v) | Spread::Confirming(v) if *v <= stored);
        let ready: Vec<Epoch> = self.epochs.iter().filter(|(_, p)| due(&p.phase)).map(|(epoch, _)| *epoch).collect();
        for epoch in ready {
            match self.epochs.get(&epoch).map(|pending| &pending.phase) {
                Some(Spread::Storing(_)) => self.spread(epoch),
                Some(Spread::Confirming(_)) => {
                    self.epochs.remove(&epoch);
                    self.pools.confirm(now, epoch);
                    self.stats.epochs += 1;
                    tracing::info!("new aliases are in use");
                }
                Some(Spread::Waiting(_)) | None => {}
            }
        }
        self.pump_all();
    }

    /// Enters the aliases at every edge switch.
    fn spread(&mut self, epoch: Epoch) {
        let operations = self.alias_entries(epoch);
        let waiting = self.switches.iter().filter(|(_, edge)| edge.counts_as_edge()).map(|(id, _)| *id).collect();
        if let Some(pending) = self.epochs.get_mut(&epoch) {
            pending.phase = Spread::Waiting(waiting);
        }
        for (edge, counts) in self.connected_edges() {
            let owner = if counts { Owner::Epoch(epoch) } else { Owner::Spare };
            // One job, so that one answer counts.
            self.enqueue_whole(edge, owner, operations.clone());
        }
        self.confirm_if_spread(epoch);
    }

    fn alias_entries(&self, epoch: Epoch) -> Vec<Operation> {
        let aliases = self.epochs.get(&epoch).map(|pending| &*pending.aliases).unwrap_or_default();
        let entry = |(pool, sid, alias): &(PoolId, Sid, Alias)| {
            // Not if its switch was drained or removed meanwhile.
            self.pools.alias_owner(*pool, *alias)?;
            let switch = self.switches.get(self.by_sid.get(&sid.0)?)?;
            Some(Operation::Insert(rules::alias(self.alias_prefix(*pool, *alias), switch.tunnel_addr)))
        };
        aliases.iter().filter_map(entry).collect()
    }

    pub(crate) fn enqueue_whole(&mut self, id: SwitchId, owner: Owner, operations: Vec<Operation>) {
        if let Some(switch) = self.switches.get_mut(&id).filter(|switch| switch.status != Status::Away)
            && !operations.is_empty()
        {
            switch.queue.push_back(crate::switch::Job { owner, rank: crate::switch::NO_RANK, operations });
        }
    }

    /// The edge switch has the aliases of this epoch.
    pub(crate) fn has_alias_epoch(&mut self, id: SwitchId, epoch: Epoch) {
        if let Some(Pending { phase: Spread::Waiting(waiting), .. }) = self.epochs.get_mut(&epoch) {
            waiting.remove(&id);
        }
        self.confirm_if_spread(epoch);
    }

    /// The edge switch has all aliases of this epoch and those before.
    pub(crate) fn has_aliases(&mut self, id: SwitchId, until: Epoch) {
        let epochs: Vec<Epoch> = self.epochs.range(..=until).map(|(epoch, _)| *epoch).collect();
        for epoch in epochs {
            self.has_alias_epoch(id, epoch);
        }
    }

    /// Others do not wait for this edge switch any more.
    pub(crate) fn no_edge_any_more(&mut self, id: SwitchId) {
        if let Some(last) = self.epochs.keys().next_back().copied() {
            self.has_aliases(id, last);
        }
    }

    fn confirm_if_spread(&mut self, epoch: Epoch) {
        let spread = |pending: &Pending| matches!(&pending.phase, Spread::Waiting(waiting) if waiting.is_empty());
        if !self.epochs.get(&epoch).is_some_and(spread) {
            return;
        }
        let version = self.store(Some(epoch));
        if let Some(pending) = self.epochs.get_mut(&epoch) {
            pending.phase = Spread::Confirming(version);
        }
    }

    /// The last epoch that a reading of an edge switch includes.
    pub(crate) fn last_spread(&self) -> Option<Epoch> {
        let spread = self.epochs.iter().filter(|(_, pending)| matches!(pending.phase, Spread::Waiting(_)));
        spread.map(|(epoch, _)| *epoch).next_back()
    }

    /// Has the present state stored; `confirming` is an epoch that every edge switch has.
    pub(crate) fn store(&mut self, confirming: Option<Epoch>) -> StoreVersion {
        let mut usable: BTreeSet<(PoolId, Sid, Alias)> = self.pools.usable_aliases().collect();
        let confirming = self
            .epochs
            .iter()
            .filter(|(epoch, pending)| Some(**epoch) == confirming || matches!(pending.phase, Spread::Confirming(_)));
        for (_, pending) in confirming {
            // They replace those that their switches have in the same pool.
            let replaced: BTreeSet<(PoolId, Sid)> =
                pending.aliases.iter().map(|(pool, sid, _)| (*pool, *sid)).collect();
            usable.retain(|(pool, sid, _)| !replaced.contains(&(*pool, *sid)));
            let valid = |(pool, _, alias): &&(PoolId, Sid, Alias)| self.pools.alias_owner(*pool, *alias).is_some();
            usable.extend(pending.aliases.iter().filter(valid).copied());
        }
        let aliases = self.pools.all_aliases().map(|(pool, sid, alias)| StoredAlias {
            prefix: self.alias_prefix(pool, alias),
            sid: sid.0,
            phase: if usable.contains(&(pool, sid, alias)) { Phase::Usable } else { Phase::Old },
        });
        let mut aliases: Vec<StoredAlias> = aliases.collect();
        aliases.sort_unstable();
        self.state.aliases = aliases;
        self.version.0 += 1;
        // Only the newest counts.
        self.commands.retain(|command| !matches!(command, Command::Store { .. }));
        self.commands.push(Command::Store { version: self.version, state: self.state.clone() });
        self.version
    }
}
