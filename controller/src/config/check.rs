//! What must hold between the values of a configuration.

mod pools;
mod switch;

use std::{collections::HashSet, fmt::Display, time::Duration};

use mimiq_contract::wellknown::RELAY_PORT;

use super::{Config, ConfigError, Range, Timing};

/// The longest duration accepted: enough for any lease, and far from overflowing sums.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Addresses that fit a message of the allocation protocol.
const MAX_SET: u32 = 3000;

fn refuse(field: impl Into<String>, value: impl Display, problem: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Value { field: field.into(), value: value.to_string(), problem: problem.into() })
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let ip = config.relay.ip();
    if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
        return refuse("relay", config.relay, "must be an address that switches reach: they send wrapped frames to it");
    }
    pools::check(config)?;
    check_timing(&config.timing)?;
    let quota = config.limits.addresses_per_client;
    if !(1..=MAX_SET).contains(&quota) {
        return refuse(
            "limits.addresses_per_client",
            quota,
            format!("must be from 1 to {MAX_SET}: a set is one message"),
        );
    }
    if config.relay.port() != RELAY_PORT {
        return refuse("relay", config.relay, format!("the port must be {RELAY_PORT}: switches send to it"));
    }
    check_switches(config)
}

fn check_timing(timing: &Timing) -> Result<(), ConfigError> {
    let Timing { t_ip, t_remove, t_sid, cool_down, .. } = timing;
    let Range { min, max } = t_ip;
    let fields =
        [("t_ip.min", min), ("t_ip.max", max), ("t_remove", t_remove), ("t_sid", t_sid), ("cool_down", cool_down)];
    for (name, value) in fields {
        if *value > LONGEST {
            return refuse(format!("timing.{name}"), format!("{value:?}"), "must be at most 720h");
        }
    }
    for (name, value) in [("t_ip.min", min), ("t_sid", t_sid)] {
        if value.is_zero() {
            return refuse(format!("timing.{name}"), "0s", "must be longer than that");
        }
    }
    if min > max {
        return refuse("timing.t_ip.min", format!("{min:?}"), format!("exceeds t_ip.max = {max:?}"));
    }
    if !(1..=1000).contains(&timing.k) {
        return refuse("timing.k", timing.k, "must be from 1 to 1000");
    }
    Ok(())
}

fn check_switches(config: &Config) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for (index, switch) in config.switches.iter().enumerate() {
        let names = [
            ("name", switch.name.clone()),
            ("p4runtime", format!("{} device_id {}", switch.p4runtime, switch.device_id)),
            ("sid", switch.sid.map(|sid| sid.to_string()).unwrap_or_default()),
            ("tunnel_addr", switch.tunnel_addr.to_string()),
        ];
        for (field, value) in names {
            if !value.is_empty() && !seen.insert((field, value.clone())) {
                return refuse(format!("switches[{index}].{field}"), value, "is another switch's already");
            }
        }
        switch::check(config, switch, &format!("switches[{index}]"))?;
    }
    let sids = config.switches.iter().filter(|s| s.sid.is_some()).count();
    if sids == 0 {
        return refuse("switches", config.switches.len(), "none has a sid: no client is connected anywhere");
    }
    if !config.switches.iter().any(|s| s.edge) {
        return refuse("switches", config.switches.len(), "none has edge: true: nothing is connected to the Internet");
    }
    pools::check_aliases(config, sids as u64)
}
