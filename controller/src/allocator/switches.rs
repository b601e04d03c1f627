//! The core's sessions with switches.

use std::sync::Arc;

use mimiq_contract::Entry;
use mimiq_core::{Fault, SwitchId, SwitchSpec, TopologyError};
use tokio::sync::{mpsc, oneshot};

use super::Allocator;
use crate::p4rt::{self, Events, Order, Reader, Target};

/// The session of a switch.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) orders: mpsc::UnboundedSender<Order>,
    target: Target,
    /// Why it was not available the last time; nothing since it was read.
    failure: Option<String>,
}

/// Tells the core what happens to one switch.
pub struct SwitchEvents {
    allocator: Arc<Allocator>,
    switch: SwitchId,
}

impl Allocator {
    /// Adds a switch and starts its session.
    ///
    /// # Errors
    /// If its name or SID is another's.
    pub fn add_switch(self: &Arc<Self>, spec: SwitchSpec, target: Target) -> Result<SwitchId, TopologyError> {
        let allocator = self.clone();
        self.with_state(move |state, now| {
            let switch = state.core.add_switch(now, spec)?;
            let orders = p4rt::start(target.clone(), Arc::new(SwitchEvents { allocator, switch }));
            state.sessions.insert(switch, Session { orders, target, failure: None });
            Ok(switch)
        })
    }

    /// A way to read what a switch has now; `None` if it is away.
    pub async fn look_at(&self, switch: SwitchId) -> Option<Reader> {
        let (asked, answer) = oneshot::channel();
        self.lock().order(switch, Order::Look(asked));
        answer.await.ok()
    }

    /// How a switch is reached, and why it was not the last time, if it is not in sync since.
    pub fn session(&self, switch: SwitchId) -> Option<(Target, Option<String>)> {
        self.lock().sessions.get(&switch).map(|session| (session.target.clone(), session.failure.clone()))
    }

    /// Ends all sessions; the switches keep their entries.
    pub fn leave_switches(&self) {
        self.lock().sessions.clear();
    }
}

impl Events for SwitchEvents {
    fn read(&self, connection: u64, entries: &[Entry]) {
        self.allocator.with_state(|state, now| {
            state.core.switch_read(now, self.switch, connection, entries);
            if let Some(session) = state.sessions.get_mut(&self.switch) {
                session.failure = None;
            }
        });
        self.allocator.reassess();
    }

    fn wrote(&self, connection: u64, faults: &[Fault]) {
        let was_synced = self.allocator.with(|core, now| {
            let synced = core.switch(self.switch).is_some_and(|switch| switch.status() == mimiq_core::Status::Synced);
            core.switch_wrote(now, self.switch, connection, faults);
            synced && !core.epoch_pending()
        });
        // Most writes are leases' rules, which readiness does not depend on.
        if !was_synced {
            self.allocator.reassess();
        }
    }

    fn lost(&self, connection: u64) {
        self.allocator.with(|core, now| core.switch_lost(now, self.switch, connection));
        self.allocator.reassess();
    }

    fn failed(&self, why: &str) {
        if let Some(session) = self.allocator.lock().sessions.get_mut(&self.switch) {
            session.failure = Some(why.to_owned());
        }
    }
}
