//! What the core counts, as metrics.

use metrics::{counter, gauge};
use mimiq_addressing::PoolId;
use mimiq_core::Status;

use super::Allocator;

impl Allocator {
    /// Brings the metrics up to date with the core; to be called before they are shown.
    pub fn report(&self) {
        self.with(|core, _| {
            let stats = core.stats();
            counter!("mimiq_controller_addresses_granted_total").absolute(stats.granted);
            counter!("mimiq_controller_addresses_renewed_total").absolute(stats.renewed);
            counter!("mimiq_controller_addresses_released_total").absolute(stats.released);
            counter!("mimiq_controller_addresses_freed_total").absolute(stats.freed);
            counter!("mimiq_controller_addresses_revoked_total").absolute(stats.revoked);
            counter!("mimiq_controller_addresses_aborted_total").absolute(stats.aborted);
            counter!("mimiq_controller_alias_epochs_total").absolute(stats.epochs);
            counter!("mimiq_controller_alias_epoch_failures_total").absolute(stats.epoch_failures);
            counter!("mimiq_controller_switch_refusals_total").absolute(stats.refused_entries);
            gauge!("mimiq_controller_alias_epoch_pending").set(f64::from(u8::from(core.epoch_pending())));
            for (n, pool) in core.settings().pools.iter().enumerate() {
                let occupancy = core.pools().pool_occupancy(PoolId(n as u16));
                let states = [
                    ("leased", occupancy.occupancy.leased),
                    ("grace", occupancy.occupancy.grace),
                    ("removing", occupancy.occupancy.removing),
                    ("cooling", occupancy.occupancy.cooling),
                ];
                for (state, count) in states {
                    let pool = pool.name.clone();
                    gauge!("mimiq_controller_leases", "pool" => pool, "state" => state).set(count as f64);
                }
                let capacity = occupancy.capacity as f64;
                gauge!("mimiq_controller_pool_addresses", "pool" => pool.name.clone()).set(capacity);
            }
            for (_, switch) in core.switches() {
                let name = switch.name().to_string();
                let synced = f64::from(u8::from(switch.status() == Status::Synced));
                gauge!("mimiq_controller_switch_synced", "switch" => name.clone()).set(synced);
                gauge!("mimiq_controller_switch_pending_updates", "switch" => name).set(switch.pending() as f64);
            }
        });
    }
}
