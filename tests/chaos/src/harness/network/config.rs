//! What a network is like, and the controller's configuration that follows.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use mimiq_contract::PortId;

use super::Switch;

/// k.
pub(super) const K: u32 = 2;
/// Aliases of a switch in one epoch.
const ALIASES_PER_SID: usize = 2;
/// Ports of a client-facing switch that clients are at.
pub(super) const PORTS: [PortId; 2] = [PortId(1), PortId(2)];

/// What a network is like.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its times.
    pub timing: Timing,
    /// Its addresses.
    pub pools: Pools,
    /// Addresses that a client may have.
    pub quota: u32,
    /// Names and SIDs of its switches; those without SID are edges.
    pub switches: &'static [(&'static str, Option<u16>)],
    /// Whether a chaos switch stands in front of each.
    pub chaos: bool,
}

impl Spec {
    /// Everything comes round within seconds.
    pub fn quick(pools: Pools) -> Self {
        Self {
            timing: Timing::short(),
            pools,
            quota: 64,
            switches: &[("access1", Some(1)), ("access2", Some(2)), ("edge1", None), ("edge2", None)],
            chaos: true,
        }
    }

    /// Leases for a day.
    pub fn lasting() -> Self {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let timing = Timing { t_ip: (hours(24), hours(24)), t_remove: hours(1), t_sid: hours(24), cool_down: hours(1) };
        let switches = &[("access1", Some(1)), ("edge1", None)];
        Self { timing, pools: Pools::Large, quota: 3000, switches, chaos: false }
    }
}

/// Times of a network.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Least and greatest t_ip.
    pub t_ip: (Duration, Duration),
    /// t_remove.
    pub t_remove: Duration,
    /// t_sid.
    pub t_sid: Duration,
    /// How long an address rests.
    pub cool_down: Duration,
}

impl Timing {
    fn short() -> Self {
        let ms = Duration::from_millis;
        Self { t_ip: (ms(2000), ms(3000)), t_remove: ms(500), t_sid: ms(1500), cool_down: ms(500) }
    }
}

/// The pools of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pools {
    /// IPv6 addresses with SID aliases, and IPv4; small, so that what is free is drawn again soon.
    Aliases,
    /// Every address has a binding; as small.
    Naive,
    /// IPv6 addresses with SID aliases, without end.
    Large,
}

impl Pools {
    fn configuration(self) -> &'static str {
        match self {
            Self::Aliases => {
                "pools: [{name: home, prefix: '2001:db8:1:2:3:4::/96', codec: alias, alias_bits: 16}, \
                 {name: legacy, prefix: 198.51.100.0/26, codec: naive}]"
            }
            Self::Naive => {
                "pools: [{name: home, prefix: '2001:db8:1:2:3:4:5:6600/120', codec: naive}, \
                 {name: legacy, prefix: 198.51.100.0/27, codec: naive}]"
            }
            Self::Large => "pools: [{name: home, prefix: '2001:db8:1:2::/64', codec: alias, alias_bits: 16}]",
        }
    }

    pub(super) fn alias_mask(self) -> Option<Ipv6Addr> {
        match self {
            Self::Aliases => Some(Ipv6Addr::from_bits(u128::MAX << 16)),
            Self::Naive => None,
            Self::Large => Some(Ipv6Addr::from_bits(u128::MAX << 48)),
        }
    }

    /// In an edge switch at a time, when nothing is amiss: epochs that are used, pending, and retained.
    pub(super) fn most_aliases(self, timing: &Timing, sids: usize) -> usize {
        let retained = (timing.t_sid * K).max(timing.t_ip.1 + timing.t_remove);
        let epochs = 2 + retained.div_duration_f64(timing.t_sid).ceil() as usize;
        // One more, as deleting takes its time.
        (epochs + 1) * ALIASES_PER_SID * sids
    }
}

/// The controller's configuration.
pub(super) fn configuration(
    spec: &Spec,
    relay: Ipv4Addr,
    tunnels: &[(u16, Ipv4Addr)],
    switches: &[Switch],
) -> Result<String, std::fmt::Error> {
    let Spec { timing: Timing { t_ip: (min, max), t_remove, t_sid, cool_down }, pools, quota, .. } = spec;
    let ms = |duration: &Duration| format!("{}ms", duration.as_millis());
    let (pools, min, max, t_remove) = (pools.configuration(), ms(min), ms(max), ms(t_remove));
    let (t_sid, cool_down) = (ms(t_sid), ms(cool_down));
    let mut text = format!(
        "relay: '[::ffff:{relay}]:54172'\n\
         state_file: state.redb\n\
         pki: {{ca: pki/ca.pem, certificate: pki/controller.pem, key: pki/controller.key}}\n\
         {pools}\n\
         aliases_per_sid: {ALIASES_PER_SID}\n\
         timing: {{t_ip: {{min: {min}, max: {max}}}, t_remove: {t_remove}, t_sid: {t_sid}, k: {K}, cool_down: {cool_down}}}\n\
         limits: {{addresses_per_client: {quota}}}\n\
         switches:\n"
    );
    for (index, switch) in switches.iter().enumerate() {
        let (id, name, address) = (index + 1, &switch.name, switch.controlled_at());
        let tunnel = tunnels.iter().find(|(sid, _)| switch.sid == Some(*sid));
        let (role, tunnel, outside) = match tunnel {
            Some((sid, tunnel)) => (format!("sid: {sid}"), format!("::ffff:{tunnel}"), "client"),
            None => ("edge: true, denied_sources: ['fd00::/8']".to_owned(), format!("fd00::{id}"), "upstream"),
        };
        let [p1, p2] = PORTS.map(|port| port.0);
        writeln!(
            text,
            "- {{name: {name}, device_id: {id}, p4runtime: 'http://{address}', {role}, mac: '02:00:00:00:0{id}:01', \
             tunnel_addr: '{tunnel}', icmp_addr_v6: 'fd00::{id}', icmp_addr_v4: 10.0.0.{id}, fabric_mtu: 1540, \
             ports: [{{id: 0, role: fabric}}, {{id: {p1}, role: {outside}}}, {{id: {p2}, role: {outside}}}], \
             routes: [{{prefix: '::/0', port: 0, next_hop_mac: '02:00:00:00:09:01'}}]}}",
        )?;
    }
    Ok(text)
}
