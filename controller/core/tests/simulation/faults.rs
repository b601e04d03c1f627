//! What happens to switches, store and controller.

use mimiq_addressing::Time;
use mimiq_core::{Core, Status};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::world::World;

impl World {
    pub(crate) fn some_write_is_answered(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        let refusals = if self.calm { 0.0 } else { 0.05 };
        self.answer(n, refusals);
    }

    fn answer(&mut self, n: usize, refusals: f64) -> bool {
        let switch = &mut self.switches[n];
        let (Some(id), Some(connection)) = (switch.id, switch.connection) else { return false };
        let Some(faults) = switch.carry_out(&mut self.rng, refusals) else { return false };
        self.seen.refused_updates += faults.len() as u64;
        self.with(|core, now| core.switch_wrote(now, id, connection, &faults));
        self.note_synced();
        true
    }

    /// Switches that have all they should again.
    fn note_synced(&mut self) {
        let Some(core) = &self.core else { return };
        for switch in self.switches.iter_mut().filter(|switch| switch.inbox.is_empty()) {
            let known = switch.id.and_then(|id| core.switch(id));
            if known.is_some_and(|known| known.status() == Status::Synced && known.refused() == 0) {
                (switch.emptied, switch.stale) = (false, false);
            }
        }
    }

    pub(crate) fn every_write_is_answered(&mut self) -> bool {
        let mut any = false;
        for n in (0..self.switches.len()).rev() {
            any |= n < self.switches.len() && self.answer(n, 0.0);
        }
        any
    }

    fn lose(&mut self, n: usize) {
        self.say(|| format!("{} is lost", self.switches[n].spec.name));
        let switch = &mut self.switches[n];
        self.seen.lost_writes += u64::from(!switch.inbox.is_empty());
        let (id, connection) = (switch.id, switch.connection);
        switch.break_off(&mut self.rng);
        if let (Some(id), Some(connection)) = (id, connection) {
            self.with(|core, now| core.switch_lost(now, id, connection));
        }
    }

    pub(crate) fn some_connection_breaks(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        self.lose(n);
    }

    pub(crate) fn some_switch_restarts(&mut self) {
        self.seen.restarts += 1;
        let n = self.rng.random_range(0..self.switches.len());
        self.say(|| format!("{} restarts", self.switches[n].spec.name));
        let switch = &mut self.switches[n];
        switch.inbox.clear();
        switch.tables.clear();
        switch.emptied = true;
        let known =
            switch.id.zip(self.core.as_ref()).and_then(|(id, core)| core.switch(id)).is_some_and(|s| s.was_read());
        if let (Some(sid), false) = (switch.spec.sid, known) {
            self.promises.forget(sid);
        }
        self.lose(n);
    }

    pub(crate) fn some_switch_is_cut_off_or_back(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        // Away for a while, there most of the time.
        if self.switches[n].reachable && self.rng.random_bool(0.7) {
            return;
        }
        self.switches[n].reachable ^= true;
        self.say(|| format!("{} reachable: {}", self.switches[n].spec.name, self.switches[n].reachable));
        if !self.switches[n].reachable {
            self.lose(n);
        }
    }

    pub(crate) fn open_connections(&mut self) {
        for n in 0..self.switches.len() {
            let hurry = self.calm || self.rng.random_bool(0.5);
            let switch = &mut self.switches[n];
            let (Some(id), None, true, true) = (switch.id, switch.connection, switch.reachable, hurry) else {
                continue;
            };
            switch.connections += 1;
            switch.connection = Some(switch.connections);
            let (connection, entries) = (switch.connections, switch.entries());
            self.say(|| format!("{} is read: {} entries", self.switches[n].spec.name, entries.len()));
            self.with(|core, now| core.switch_read(now, id, connection, &entries));
            self.note_synced();
        }
    }

    pub(crate) fn the_store_is_written(&mut self) {
        let Some((version, state)) = self.to_store.take() else { return };
        self.say(|| format!("stored: {state:?}"));
        self.durable = state;
        self.with(|core, now| core.stored(now, version));
    }

    pub(crate) fn the_controller_is_killed(&mut self) {
        let Some(core) = self.core.take() else { return };
        self.say(|| "the controller is killed".into());
        self.seen.kills += 1;
        self.seen.epochs += core.stats().epochs;
        // What was being written may be written.
        if let Some((_, state)) = self.to_store.take().filter(|_| self.rng.random_bool(0.5)) {
            self.durable = state;
        }
        self.promises.asked.clear();
        for switch in &mut self.switches {
            self.seen.lost_writes += u64::from(!switch.inbox.is_empty());
            switch.break_off(&mut self.rng);
            switch.id = None;
            if let (Some(sid), true) = (switch.spec.sid, switch.emptied) {
                self.promises.forget(sid);
            }
        }
    }

    pub(crate) fn the_controller_starts(&mut self) {
        if self.core.is_some() {
            return;
        }
        self.say(|| "the controller starts".into());
        self.started = self.now;
        let rng = StdRng::seed_from_u64(self.rng.random());
        let core = Core::new(self.settings.clone(), self.durable.clone(), rng, Time::default()).unwrap();
        self.core = Some(core);
        for n in 0..self.switches.len() {
            let spec = self.switches[n].spec.clone();
            let mut id = None;
            self.with(|core, now| id = Some(core.add_switch(now, spec).unwrap()));
            (self.switches[n].id, self.switches[n].connections, self.switches[n].stale) = (id, 0, true);
        }
        self.with(|core, now| core.start(now));
    }

    pub(crate) fn some_switch_is_drained_or_not(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        let (name, drained) = (self.switches[n].spec.name.clone(), self.rng.random_bool(0.2));
        self.say(|| format!("{name} drained: {drained}"));
        self.with(|core, now| core.drain_switch(now, &name, drained).unwrap());
    }

    pub(crate) fn a_switch_is_removed_or_added(&mut self) {
        if self.core.is_none() {
            return;
        }
        if let Some(at) = (0..self.removed.len()).next() {
            // It comes back as it was left, or empty.
            let mut switch = self.removed.swap_remove(at);
            switch.stale = true;
            // Either way it is not believed: what it had of leases that had not ended is lost if the controller is, too.
            switch.spec.sid.into_iter().for_each(|sid| self.promises.forget(sid));
            if self.rng.random_bool(0.5) {
                switch.tables.clear();
                switch.emptied = true;
            }
            let spec = switch.spec.clone();
            let mut id = None;
            self.with(|core, now| id = core.add_switch(now, spec).ok());
            (switch.id, switch.connections) = (id, 0);
            self.say(|| format!("{} comes back: {}", switch.spec.name, id.is_some()));
            if id.is_some() { self.switches.push(switch) } else { self.removed.push(switch) }
        } else if self.switches.iter().filter(|s| s.spec.edge).count() > 1 && self.switches.len() == 5 {
            let n = self.rng.random_range(0..self.switches.len());
            let name = self.switches[n].spec.name.clone();
            self.say(|| format!("{name} is removed"));
            self.with(|core, now| core.remove_switch(now, &name).unwrap());
        }
    }

    pub(crate) fn restore_all(&mut self) {
        self.the_controller_starts();
        for switch in &mut self.switches {
            switch.reachable = true;
        }
        let names: Vec<_> = self.switches.iter().map(|s| s.spec.name.clone()).collect();
        for name in names {
            self.with(|core, now| core.drain_switch(now, &name, false).unwrap());
        }
    }
}
