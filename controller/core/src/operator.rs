//! What operators ask for, besides switches.

use std::time::Duration;

use mimiq_addressing::{Alias, PoolId, Sid, Time};

use crate::{Core, Location, SwitchId};

/// Ended leases that are kept for [`Core::take_ended`]: a sample is enough.
const ENDED: usize = 20;

/// A lease that has ended, whose grace has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The address.
    pub address: std::net::IpAddr,
    /// Where its client was.
    pub location: Location,
    /// When it ended.
    pub at: Time,
}

impl Core {
    /// Changes how many addresses a client may have.
    pub fn set_quota(&mut self, quota: u32) {
        self.settings.leases.quota = quota;
        self.pools.set_quota(quota);
    }

    /// Changes what clients are told of the largest packet, bytes.
    pub fn set_mtu(&mut self, mtu: u16) {
        self.settings.mtu = mtu;
    }

    /// Aliases that no address has yet: they wait for the store or an edge switch.
    pub fn pending_aliases(&self) -> impl Iterator<Item = (PoolId, Sid, Alias)> {
        self.epochs.values().flat_map(|pending| pending.aliases().iter().copied())
    }

    /// How long it will be until addresses of a pool are given out; not at all if an edge switch is away.
    pub fn quarantine(&self, now: Time, pool: PoolId) -> Duration {
        self.pools.quarantine(pool).map_or(Duration::ZERO, |until| until.since(now))
    }

    /// How many entries a switch must always have.
    pub fn fixed_entries(&self, id: SwitchId) -> usize {
        self.switches.get(&id).map_or(0, |switch| switch.fixed.len())
    }

    /// The client-facing switch with this SID.
    pub fn switch_with_sid(&self, sid: u16) -> Option<SwitchId> {
        self.by_sid.get(&sid).copied()
    }

    /// Some of the leases that have ended since the last call.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn note_ended(&mut self, ended: impl Iterator<Item = Ended>) {
        self.ended.extend(ended.take(ENDED.saturating_sub(self.ended.len())));
    }
}
