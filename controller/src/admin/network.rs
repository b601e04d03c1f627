//! Pools, switches, aliases.

use std::collections::{HashMap, HashSet};

use mimiq_addressing::{self as addressing, Codec, LeaseState, PoolId, Time};
use mimiq_api::admin::{Alias, AliasState, DrainState, Occupancy, Pool, Switch, SwitchState};
use mimiq_core::{Core, Status as CoreStatus, SwitchId};
use tonic::Status;

use super::{Admin, page::unknown};
use crate::config;

/// Leases counted while the core is locked: clients wait meanwhile.
const AT_A_TIME: usize = 10_000;

pub(super) fn occupancy(of: addressing::Occupancy) -> Occupancy {
    let addressing::Occupancy { leased, grace, removing, cooling } = of;
    Occupancy { leased: leased as u64, grace: grace as u64, removing: removing as u64, cooling: cooling as u64 }
}

pub(super) fn pools(core: &Core, now: Time, configured: &[config::Pool]) -> Vec<Pool> {
    let mut pools = Vec::new();
    for (n, pool) in configured.iter().enumerate() {
        let id = PoolId(n as u16);
        let of = core.pools().pool_occupancy(id);
        let codec = match pool.codec {
            config::Codec::Alias => "alias",
            config::Codec::Naive => "naive",
        };
        pools.push(Pool {
            name: pool.name.clone(),
            prefix: pool.prefix.to_string(),
            codec: codec.into(),
            alias_bits: pool.alias_bits.unwrap_or_default().into(),
            capacity: of.capacity as f64,
            occupancy: Some(occupancy(of.occupancy)),
            aliases: core.pools().aliases().filter(|(pool, ..)| *pool == id).count() as u32,
            quarantine_ms: u64::try_from(core.quarantine(now, id).as_millis()).unwrap_or(u64::MAX),
        });
    }
    pools
}

pub(super) fn aliases(core: &Core) -> Vec<Alias> {
    let pending: HashSet<_> = core.pending_aliases().collect();
    let usable: HashSet<_> = core.pools().usable_aliases().collect();
    let names: HashMap<u16, String> =
        core.switches().filter_map(|(_, switch)| Some((switch.sid()?, switch.name().to_string()))).collect();
    let mut aliases: Vec<_> = core.pools().aliases().collect();
    aliases.sort_unstable_by_key(|(pool, sid, alias)| (pool.0, sid.0, alias.0));
    let shown = |alias: (PoolId, addressing::Sid, addressing::Alias)| {
        let (pool, sid, number) = alias;
        let spec = core.settings().pools.get(usize::from(pool.0))?;
        let Codec::Alias(codec) = &spec.codec else { return None };
        let state = if pending.contains(&alias) {
            AliasState::Pending
        } else if usable.contains(&alias) {
            AliasState::Usable
        } else {
            AliasState::Retired
        };
        Some(Alias {
            pool: spec.name.clone(),
            sid: sid.0.into(),
            switch: names.get(&sid.0).cloned().unwrap_or_default(),
            alias: number.0,
            prefix: format!("{}/{}", codec.alias_prefix(number), codec.mask().to_bits().leading_ones()),
            state: state.into(),
        })
    };
    aliases.into_iter().filter_map(shown).collect()
}

impl Admin {
    /// The switches, or one of them.
    pub(super) fn switches(&self, only: Option<SwitchId>) -> Vec<Switch> {
        let (mut at, mut counts) = (0, Counts::default());
        loop {
            let more = self.live.allocator.with(|core, _| {
                let mut seen = 0;
                for (cursor, lease) in core.pools().leases_after(at).take(AT_A_TIME) {
                    (at, seen) = (cursor, seen + 1);
                    counts.add(&lease);
                }
                seen == AT_A_TIME
            });
            if !more {
                break;
            }
        }
        let mut shown = self.live.allocator.with(|core, _| {
            let switches = core.switches().filter(|(id, _)| only.is_none_or(|only| only == *id));
            switches.map(|(id, switch)| (id, self.switch(core, id, switch, &counts))).collect::<Vec<_>>()
        });
        for (id, switch) in &mut shown {
            if let Some((target, failure)) = self.live.allocator.session(*id) {
                switch.p4runtime = target.uri;
                switch.device_id = target.device_id;
                switch.last_error = failure.unwrap_or_default();
            }
        }
        shown.into_iter().map(|(_, switch)| switch).collect()
    }

    fn switch(&self, core: &Core, id: SwitchId, switch: &mimiq_core::Switch, counts: &Counts) -> Switch {
        let leases = switch.sid().map(|sid| counts.at.get(&sid).copied().unwrap_or_default());
        let live = leases.map_or(0, |leases| leases.leased + leases.grace + leases.removing);
        let drain_state = match (switch.is_leaving(), switch.is_drained()) {
            (true, _) => DrainState::Leaving,
            (false, true) if live > 0 => DrainState::Draining,
            (false, true) => DrainState::Drained,
            (false, false) => DrainState::Active,
        };
        let state = match switch.status() {
            CoreStatus::Away => SwitchState::Away,
            CoreStatus::Syncing => SwitchState::Syncing,
            CoreStatus::Synced => SwitchState::Synced,
        };
        let mut entries = core.fixed_entries(id) as u64;
        if let Some(leases) = leases {
            entries += 2 * leases.leased + leases.grace;
        }
        if switch.is_edge() {
            entries += core.pools().aliases().count() as u64 + counts.bindings;
        }
        Switch {
            name: switch.name().to_string(),
            edge: switch.is_edge(),
            sid: switch.sid().map(u32::from),
            state: state.into(),
            drain_state: drain_state.into(),
            entries,
            leases,
            pending_writes: switch.pending() as u64,
            ..Switch::default()
        }
    }

    pub(super) fn drain(&self, name: &str, drained: bool) -> Result<Switch, Status> {
        let id = self.live.allocator.with(|core, now| {
            core.drain_switch(now, name, drained).map_err(|_| unknown("name", name))?;
            core.switch_named(name).map_err(|_| unknown("name", name))
        })?;
        self.switches(Some(id)).pop().ok_or_else(|| unknown("name", name))
    }
}

/// Leases by switch and state, and those that have a binding at the edges.
#[derive(Default)]
struct Counts {
    at: HashMap<u16, Occupancy>,
    bindings: u64,
}

impl Counts {
    fn add(&mut self, lease: &addressing::Lease<mimiq_core::ClientId, mimiq_core::Location>) {
        let of = self.at.entry(lease.location.sid).or_default();
        match lease.state {
            LeaseState::Leased => of.leased += 1,
            LeaseState::Grace => of.grace += 1,
            LeaseState::Removing => of.removing += 1,
            LeaseState::Cooling => of.cooling += 1,
        }
        if lease.alias.is_none() && matches!(lease.state, LeaseState::Leased | LeaseState::Grace) {
            self.bindings += 1;
        }
    }
}
