//! The core's sessions with switches.

use std::sync::Arc;

use mimiq_contract::Entry;
use mimiq_core::{Fault, SwitchId, SwitchSpec, TopologyError};
use tokio::sync::oneshot;

use super::Allocator;
use crate::p4rt::{self, Events, Order, Target};

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
            let session = p4rt::start(target, Arc::new(SwitchEvents { allocator, switch }));
            state.sessions.insert(switch, session);
            Ok(switch)
        })
    }

    /// All entries that a switch has now; `None` if it is away.
    pub async fn read_switch(&self, switch: SwitchId) -> Option<Vec<Entry>> {
        let (asked, answer) = oneshot::channel();
        self.lock().order(switch, Order::Read(asked));
        answer.await.ok()
    }

    /// Ends all sessions; the switches keep their entries.
    pub fn leave_switches(&self) {
        self.lock().sessions.clear();
    }
}

impl Events for SwitchEvents {
    fn read(&self, connection: u64, entries: &[Entry]) {
        self.allocator.with(|core, now| core.switch_read(now, self.switch, connection, entries));
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
}
