//! What the switches are seen to have.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use mimiq_contract::{Entry, EntryKey, tables::*};
use tokio::time::Instant;

use super::{Ledger, SLACK, Standing, State, delivery, guard};
use crate::harness::{fabric::Place, p4::Tables};

/// How soon a guard goes after its lease, on a machine that is not busy.
const PROMPT: Duration = Duration::from_millis(100);

/// All tables of a switch, read between two times.
pub struct Snapshot {
    /// Which switch.
    pub index: usize,
    /// Its generation before and after.
    pub generation: u64,
    /// Before.
    pub began: Instant,
    /// After.
    pub ended: Instant,
    /// What it has.
    pub tables: Tables,
}

impl Ledger {
    /// Compares what a switch has with what clients were promised.
    pub fn see(&self, snapshot: &Snapshot) {
        let state = &mut *self.lock();
        let Some(view) = state.switches.get(snapshot.index) else { return };
        if !view.running || view.generation != snapshot.generation {
            return;
        }
        state.stats.snapshots += 1;
        let (sid, edge) = (view.sid, view.edge);
        if let Some(sid) = sid {
            self.see_leases(state, snapshot, sid);
            self.see_guards(state, snapshot, sid);
            self.see_deliveries(state, snapshot, sid);
        }
        if edge {
            self.see_edge(state, snapshot);
        }
        let Some(view) = state.switches.get_mut(snapshot.index) else { return };
        let complete = |statics: &Tables| statics.iter().all(|(key, entry)| snapshot.tables.get(key) == Some(entry));
        view.complete |= view.in_sync && view.statics.as_ref().is_some_and(complete);
        view.seen.extend(snapshot.tables.keys());
    }

    /// Every promise is kept.
    fn see_leases(&self, state: &mut State, snapshot: &Snapshot, sid: u16) {
        let Snapshot { began, ended, tables, .. } = snapshot;
        let (began, ended) = (*began, *ended);
        let complete = state.switches.get(snapshot.index).is_some_and(|view| view.complete);
        let calm = state.calm.is_some();
        let mut broken = Vec::new();
        for (address, promise) in state.promises.iter_mut().filter(|(_, promise)| promise.place.sid == sid) {
            if !promise.delivers(began, ended) {
                continue;
            }
            let expected = delivery(*address, promise.place);
            match tables.get(&expected.key()) {
                Some(found) if *found == expected => {
                    state.stats.rules_checked += 1;
                    state.stats.refilled += u64::from(promise.delivery == Standing::Awaited);
                    promise.delivery = Standing::There;
                }
                Some(found) => broken.push(("no-collision", format!("{address} leads to {found:?}, not {promise:?}"))),
                None => match promise.delivery {
                    Standing::There => broken.push(("in-flight", format!("{address} is not delivered: {promise:?}"))),
                    Standing::Awaited if complete => {
                        broken.push(("in-flight", format!("{address} was not put back: {promise:?}")));
                    }
                    Standing::Awaited | Standing::Lost => {}
                },
            }
            let guarded = tables.contains_key(&guard(*address, promise.place));
            if !promise.lets_send(began, ended) {
                // In its grace, and nothing goes wrong.
                let over = promise.ends_by + PROMPT < began && promise.given == promise.known && calm;
                state.stats.guards_gone += u64::from(over && !guarded);
                state.stats.guards_late += u64::from(over && guarded);
                continue;
            }
            match (guarded, promise.guard) {
                (true, _) => {
                    state.stats.rules_checked += 1;
                    promise.guard = Standing::There;
                }
                (false, Standing::There) => {
                    let what = format!("{address} lost its guard: {promise:?}");
                    broken.push(("no address is lost before its time", what));
                }
                (false, Standing::Awaited) if complete => {
                    let what = format!("{address} did not get its guard back: {promise:?}");
                    broken.push(("no address is lost before its time", what));
                }
                (false, _) => {}
            }
        }
        self.violate_all(state, snapshot.index, broken);
    }

    /// Nobody sends from somebody else's address, and not for ever from his own.
    fn see_guards(&self, state: &mut State, snapshot: &Snapshot, sid: u16) {
        let Snapshot { began, ended, tables, .. } = snapshot;
        let mut broken = Vec::new();
        let mut guards = HashMap::new();
        for key in tables.keys() {
            let (place, address): (_, IpAddr) = match *key {
                EntryKey::SourceGuardV6(SourceGuardV6Key { port, src_mac: mac, src_addr }) => {
                    (Place { sid, port, mac }, src_addr.into())
                }
                EntryKey::SourceGuardV4(SourceGuardV4Key { port, src_mac: mac, src_addr }) => {
                    (Place { sid, port, mac }, src_addr.into())
                }
                _ => continue,
            };
            if !state.places.contains(&place) {
                broken.push(("source-guard", format!("{address} may be sent from {place:?}, where nobody ever was")));
            }
            let promise = state.promises.get(&address).filter(|_| !self.is_stale(state, snapshot.index));
            if let Some(promise) = promise.filter(|promise| promise.delivers(*began, *ended) && promise.place != place)
            {
                broken.push(("source-guard", format!("{address} may be sent from {place:?}, but {promise:?}")));
            }
            let since = state.switches.get(snapshot.index).and_then(|view| view.guards.get(key)).copied();
            let since = since.unwrap_or(*began);
            guards.insert(*key, since);
            if let Some(calm) = state.calm {
                let from = since.max(calm).max(state.renewed.get(&address).copied().unwrap_or(since));
                if *began > from + self.terms.t_ip_max + SLACK {
                    broken.push(("source-guard", format!("{address} may be sent from {place:?} for too long")));
                }
            }
        }
        if let Some(view) = state.switches.get_mut(snapshot.index) {
            view.guards = guards;
        }
        self.violate_all(state, snapshot.index, broken);
    }

    /// No address is delivered by two switches at a time.
    fn see_deliveries(&self, state: &mut State, snapshot: &Snapshot, sid: u16) {
        let mut broken = Vec::new();
        let mut deliveries = HashMap::new();
        for (key, entry) in &snapshot.tables {
            let (port, mac) = match *entry {
                Entry::ClientV6(_, ClientV6Action::Deliver { port, mac }) => (port, mac),
                Entry::ClientV4(_, ClientV4Action::Deliver { port, mac }) => (port, mac),
                _ => continue,
            };
            if !state.places.contains(&Place { sid, port, mac }) {
                broken.push(("no-collision", format!("{entry:?}, where nobody ever was")));
            }
            // Surely there since the end of the first reading, until the beginning of the last.
            let since = state.switches.get(snapshot.index).and_then(|view| view.deliveries.get(key));
            let (since, until) = (since.map_or(snapshot.ended, |(since, _)| *since), snapshot.began);
            deliveries.insert(*key, (since, until));
            let others = state.switches.iter().enumerate().filter(|(_, view)| view.sid.is_some_and(|s| s != sid));
            for (index, other) in others {
                if self.is_stale(state, index) || self.is_stale(state, snapshot.index) {
                    continue;
                }
                let there = other.deliveries.get(key);
                if there.is_some_and(|(from, to)| since.max(*from) < until.min(*to)) {
                    broken.push(("no-collision", format!("{key:?} is delivered by {} as well", other.name)));
                }
            }
        }
        if let Some(view) = state.switches.get_mut(snapshot.index) {
            view.deliveries = deliveries;
        }
        self.violate_all(state, snapshot.index, broken);
    }

    /// Aliases are unique, and there as long as addresses need them.
    fn see_edge(&self, state: &mut State, snapshot: &Snapshot) {
        let Snapshot { began, ended, tables, .. } = snapshot;
        let mut broken = Vec::new();
        for entry in tables.values() {
            let Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr }) = *entry else { continue };
            let before = state.aliases.insert(alias_prefix, (switch_addr, *ended));
            let recently = |seen: &Instant| *began < *seen + self.terms.validity;
            if let Some((tunnel, _)) = before.filter(|(tunnel, seen)| *tunnel != switch_addr && recently(seen)) {
                let what = format!("{alias_prefix} leads to {switch_addr}, and led to {tunnel} not long ago");
                broken.push(("alias-unique", what));
            }
        }
        let Some(view) = state.switches.get(snapshot.index) else { return };
        for (address, promise) in state.promises.iter().filter(|(_, promise)| promise.delivers(*began, *ended)) {
            // Where nothing delivers it any more, nothing needs to lead.
            if promise.delivery == Standing::Lost {
                continue;
            }
            let Some(expected) = self.edge_entry(*address, promise.place.sid) else { continue };
            match tables.get(&expected.key()) {
                Some(found) if *found == expected => state.stats.rules_checked += 1,
                Some(found) => broken.push(("no-collision", format!("{address} leads to {found:?}, not {promise:?}"))),
                None if view.seen.contains(&expected.key()) => {
                    broken.push(("in-flight", format!("{expected:?} is gone: {promise:?}")));
                }
                // What leads to a lease may be known only when the lease's switch was read, after the edge.
                None if view.complete && (view.bound || matches!(expected, Entry::Alias(..))) => {
                    broken.push(("in-flight", format!("{expected:?} is not there: {promise:?}")));
                }
                None => {}
            }
        }
        self.violate_all(state, snapshot.index, broken);
    }

    fn violate_all(&self, state: &mut State, index: usize, broken: Vec<(&str, String)>) {
        let name = state.switches.get(index).map(|view| view.name.clone()).unwrap_or_default();
        for (property, what) in broken {
            self.violate(state, property, format_args!("at {name}: {what}"));
        }
    }
}
