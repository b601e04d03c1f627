//! The configuration in the words of the allocator's core.

use mimiq_addressing::{EpochPolicy, LeasePolicy};
use mimiq_core::{Limits, PoolSpec, Settings, SwitchSpec};

use super::{Config, Switch};
use crate::network;

impl Config {
    /// The lifetimes in the pools' terms.
    pub fn lease_policy(&self) -> LeasePolicy {
        LeasePolicy {
            lifetime_min: self.timing.t_ip.min,
            lifetime_max: self.timing.t_ip.max,
            grace: self.timing.t_remove,
            cool_down: self.timing.cool_down,
            quota: self.limits.addresses_per_client,
        }
    }

    /// The alias epochs in the pools' terms.
    pub fn epoch_policy(&self) -> EpochPolicy {
        EpochPolicy { t_sid: self.timing.t_sid, k: self.timing.k, aliases_per_sid: self.aliases_per_sid.into() }
    }

    /// How often clients may ask.
    pub fn request_limits(&self) -> Limits {
        Limits { per_client: self.limits.requests_per_client, per_port: self.limits.requests_per_port }
    }

    /// What the core must know, besides the switches.
    pub fn settings(&self) -> Settings {
        let pool = |pool: &super::Pool| Some(PoolSpec { name: pool.name.clone(), codec: pool.layout().ok()? });
        Settings {
            pools: self.pools.iter().filter_map(pool).collect(),
            epochs: self.epoch_policy(),
            leases: self.lease_policy(),
            mtu: self.client_mtu(),
            limits: self.request_limits(),
        }
    }

    /// A switch as the core sees it.
    pub fn spec(&self, switch: &Switch) -> SwitchSpec {
        SwitchSpec {
            name: switch.name.as_str().into(),
            sid: switch.sid,
            edge: switch.edge,
            tunnel_addr: switch.tunnel_addr,
            fixed: network::static_entries(self, switch),
        }
    }
}
