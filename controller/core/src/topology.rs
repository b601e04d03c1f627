//! Switches come and go while the server runs.

use std::{net::IpAddr, sync::Arc};

use mimiq_addressing::{Lease, LeaseState, Sid, Time};

use crate::{
    Command, Core, Location, Operation, Switch, SwitchId, SwitchSpec,
    switch::{Owner, Status},
};

/// Why the switches were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// The name is another switch's.
    #[error("switch {0}: is there already")]
    NameTaken(Arc<str>),
    /// The SID is another switch's, or that of one whose leases have not ended.
    #[error("switch {name}: sid {sid} is that of switch {other}, which is there or has leases")]
    SidTaken {
        /// The new switch.
        name: Arc<str>,
        /// Its SID.
        sid: u16,
        /// The other.
        other: Arc<str>,
    },
    /// No switch has this name.
    #[error("switch {0}: is unknown")]
    Unknown(String),
    /// What a switch is cannot be changed while it is there.
    #[error("switch {name}: {field} cannot be changed while it is there: remove it first")]
    Fixed {
        /// The switch.
        name: Arc<str>,
        /// What was to be changed.
        field: &'static str,
    },
}

impl Core {
    /// Whether a switch could be added.
    ///
    /// # Errors
    /// If its name or SID is that of one that is there.
    pub fn check_new(&self, spec: &SwitchSpec) -> Result<(), TopologyError> {
        if self.switches.values().any(|switch| switch.name == spec.name) {
            return Err(TopologyError::NameTaken(spec.name.clone()));
        }
        let other = spec.sid.and_then(|sid| Some((sid, self.switches.get(self.by_sid.get(&sid)?)?)));
        if let Some((sid, other)) = other {
            return Err(TopologyError::SidTaken { name: spec.name.clone(), sid, other: other.name.clone() });
        }
        Ok(())
    }

    /// The switch with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn switch_named(&self, name: &str) -> Result<SwitchId, TopologyError> {
        let found = self.switches.iter().find(|(_, switch)| &*switch.name == name);
        found.map(|(id, _)| *id).ok_or_else(|| TopologyError::Unknown(name.to_owned()))
    }

    /// Changes what a switch must always have.
    ///
    /// # Errors
    /// If there is no such switch, or more than that is different.
    pub fn update_switch(&mut self, spec: SwitchSpec) -> Result<(), TopologyError> {
        let id = self.switch_named(&spec.name)?;
        let Some(switch) = self.switches.get_mut(&id) else { return Ok(()) };
        let fixed = |field| Err(TopologyError::Fixed { name: spec.name.clone(), field });
        if switch.sid != spec.sid {
            return fixed("sid");
        }
        if switch.edge != spec.edge {
            return fixed("edge");
        }
        if switch.tunnel_addr != spec.tunnel_addr {
            return fixed("tunnel_addr");
        }
        let new = spec.fixed.into_iter().map(|entry| (entry.key(), entry)).collect();
        let old = std::mem::replace(&mut switch.fixed, new);
        let mut operations = Vec::new();
        for key in old.keys().filter(|key| !switch.fixed.contains_key(key)) {
            operations.push(Operation::Delete(*key));
        }
        for (key, entry) in &switch.fixed {
            match old.get(key) {
                Some(there) if there == entry => {}
                there => operations.push(Operation::set(*entry, there.is_some())),
            }
        }
        self.enqueue(id, Owner::Fixed, operations);
        self.pump_all();
        Ok(())
    }

    /// Drains a switch, or ends that. A drained client-facing switch gets no new addresses, and none of its leases is
    /// prolonged: they run out. New aliases and bindings do not wait for a drained edge switch.
    ///
    /// # Errors
    /// If no switch has this name.
    pub fn drain_switch(&mut self, now: Time, name: &str, drained: bool) -> Result<(), TopologyError> {
        let id = self.switch_named(name)?;
        let Some(switch) = self.switches.get_mut(&id).filter(|switch| switch.drained != drained) else { return Ok(()) };
        switch.drained = drained;
        let (sid, edge) = (switch.sid, switch.edge);
        if drained {
            self.state.drained.insert(name.to_owned());
            if let Some(sid) = sid {
                // Without aliases to give it has none: they stay valid as old ones do.
                let _ = self.pools.remove_sid(now, Sid(sid));
            }
            if edge {
                self.waived_edge(now, id);
            }
        } else {
            self.state.drained.remove(name);
            if let Some(switch) = self.switches.get_mut(&id) {
                switch.joining = edge;
            }
            self.join_if_right(now, id);
            self.draw_first_aliases(now);
        }
        self.store(None);
        self.settle_quarantine(now);
        self.pump_all();
        Ok(())
    }

    /// An edge switch that joins has been put right: from now on new aliases and bindings wait for it.
    pub(crate) fn join_if_right(&mut self, now: Time, id: SwitchId) {
        let right = |switch: &&mut Switch| {
            let counts = switch.joining && !switch.drained && !switch.leaving;
            counts && switch.status == Status::Synced && switch.is_idle() && switch.refused.is_empty()
        };
        if let Some(switch) = self.switches.get_mut(&id).filter(right) {
            switch.joining = false;
            self.state.edges.insert(switch.name.to_string());
            self.store(None);
            self.settle_quarantine(now);
        }
    }

    /// Nobody waits for this edge switch any more.
    fn waived_edge(&mut self, now: Time, id: SwitchId) {
        if let Some(switch) = self.switches.get(&id) {
            self.state.edges.remove(&*switch.name);
        }
        self.no_edge_any_more(id);
        let owed = self.switches.get_mut(&id).map(|switch| std::mem::take(&mut switch.owed)).unwrap_or_default();
        for removal in owed {
            self.removal_step(now, removal);
        }
        self.draw_first_aliases(now);
    }

    /// Removes a switch. Its clients' addresses are revoked; when they have ended and it has confirmed that their rules are
    /// gone, it is forgotten. One that is away is forgotten at once: its leases run out by themselves, and their
    /// addresses are not reused before.
    ///
    /// # Errors
    /// If no switch has this name.
    pub fn remove_switch(&mut self, now: Time, name: &str) -> Result<(), TopologyError> {
        let id = self.switch_named(name)?;
        let Some(switch) = self.switches.get_mut(&id) else { return Ok(()) };
        switch.leaving = true;
        let (sid, edge, away) = (switch.sid, switch.edge, switch.status == Status::Away);
        if let Some(sid) = sid {
            let _ = self.pools.remove_sid(now, Sid(sid));
            if !away {
                // Whoever has an adopted lease cannot be told: it runs out.
                let told = |lease: &Lease<_, Location>| lease.location.sid == sid && lease.client.is_some();
                let leases = self.pools.leases().filter(told);
                let addresses: Vec<IpAddr> = leases.map(|lease| lease.address).collect();
                self.revoke(now, &addresses);
            }
        }
        if edge {
            self.waived_edge(now, id);
        }
        if self.state.drained.remove(name) {
            self.store(None);
        }
        if away {
            self.forget_switch(now, id);
        } else {
            self.forget_left_switches(now);
        }
        self.settle_quarantine(now);
        self.pump_all();
        Ok(())
    }

    /// Ends the sessions of removed switches that are done with.
    pub(crate) fn forget_left_switches(&mut self, now: Time) {
        let leaving: Vec<_> = self.switches.iter().filter(|(_, s)| s.leaving).map(|(id, s)| (*id, s.sid)).collect();
        for (id, sid) in leaving {
            let needed = sid.is_some_and(|sid| {
                self.pools.leases().any(|lease| lease.location.sid == sid && lease.state != LeaseState::Cooling)
            });
            if !needed {
                self.forget_switch(now, id);
            }
        }
    }

    fn forget_switch(&mut self, now: Time, id: SwitchId) {
        self.forget_connection(now, id);
        let Some(switch) = self.switches.remove(&id) else { return };
        if let Some(sid) = switch.sid {
            self.by_sid.remove(&sid);
            // Leases that run out by themselves are unknown to a next process: it has to know that there may be some.
            let in_use = |lease: &Lease<_, Location>| lease.location.sid == sid && lease.state != LeaseState::Cooling;
            if !self.unknown.contains(&sid) && !self.pools.leases().any(|lease| in_use(&lease)) {
                self.state.sids.remove(&sid);
            } else {
                // Should it come back after they have run out, it still has their entries.
                self.state.stale.insert(sid);
            }
        }
        for removal in switch.owed {
            self.removal_step(now, removal);
        }
        tracing::info!(switch = &*switch.name, "switch removed");
        self.commands.push(Command::Forget { switch: id });
        self.store(None);
    }
}
