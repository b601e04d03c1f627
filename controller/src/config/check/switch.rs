//! What must hold within one switch of the configuration.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv6Addr},
};

use ipnetwork::IpNetwork;
use mimiq_contract::{MacAddr, PortId, Role};

use super::refuse;
use crate::config::{Config, ConfigError, Switch};

/// IPv6's minimum link MTU (RFC 8200 §5) behind an outer header of 40 bytes.
const MIN_FABRIC_MTU: u16 = 1320;

pub(super) fn check(config: &Config, switch: &Switch, at: &str) -> Result<(), ConfigError> {
    if switch.name.is_empty() {
        return refuse(format!("{at}.name"), "\"\"", "must not be empty");
    }
    if let Err(error) = tonic::transport::Endpoint::from_shared(switch.p4runtime.clone()) {
        return refuse(format!("{at}.p4runtime"), &switch.p4runtime, format!("{error} (like http://[::1]:9559)"));
    }
    if !switch.p4runtime.starts_with("http://") {
        return refuse(format!("{at}.p4runtime"), &switch.p4runtime, "must start with http://");
    }
    check_mac(switch.mac, &format!("{at}.mac"))?;
    for (field, addr) in [("tunnel_addr", switch.tunnel_addr), ("icmp_addr_v6", switch.icmp_addr_v6)] {
        if addr.is_unspecified() || addr.is_multicast() || addr.is_loopback() || addr.is_unicast_link_local() {
            return refuse(format!("{at}.{field}"), addr, "must be a unicast address of the fabric");
        }
        if let Some(pool) = config.pools.iter().find(|pool| pool.prefix.contains(addr.into())) {
            return refuse(format!("{at}.{field}"), addr, format!("is in the pool {}", pool.prefix));
        }
    }
    if switch.tunnel_addr == *config.relay.ip() {
        return refuse(format!("{at}.tunnel_addr"), switch.tunnel_addr, "is the controller's relay address");
    }
    if switch.fabric_mtu < MIN_FABRIC_MTU {
        let problem = format!("must be at least {MIN_FABRIC_MTU}: clients need 1280, the outer header 40");
        return refuse(format!("{at}.fabric_mtu"), switch.fabric_mtu, problem);
    }
    check_ports(switch, at)?;
    for (i, gateway) in switch.gateways.iter().enumerate() {
        if let Some(mac) = gateway.mac {
            check_mac(mac, &format!("{at}.gateways[{i}].mac"))?;
        }
    }
    check_routes(switch, at)?;
    if !switch.edge && !switch.denied_sources.is_empty() {
        return refuse(format!("{at}.denied_sources"), switch.denied_sources[0], "only edge switches have them");
    }
    (switch.denied_sources.iter().enumerate())
        .try_for_each(|(i, p)| check_prefix(*p, &format!("{at}.denied_sources[{i}]")))
}

fn check_ports(switch: &Switch, at: &str) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for (i, port) in switch.ports.iter().enumerate() {
        let field = format!("{at}.ports[{i}].id");
        if usize::from(port.id) >= PortId::COUNT {
            return refuse(field, port.id, "the largest port is 511");
        }
        if !seen.insert(port.id) {
            return refuse(field, port.id, "stands twice");
        }
        if port.role == Role::Client && switch.sid.is_none() {
            return refuse(format!("{at}.ports[{i}].role"), "client", "the switch has no sid");
        }
        if port.role == Role::Upstream && !switch.edge {
            return refuse(format!("{at}.ports[{i}].role"), "upstream", "the switch is not edge: true");
        }
    }
    Ok(())
}

fn check_routes(switch: &Switch, at: &str) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for (i, route) in switch.routes.iter().enumerate() {
        let at = format!("{at}.routes[{i}]");
        check_prefix(route.prefix, &format!("{at}.prefix"))?;
        if !seen.insert(route.prefix) {
            return refuse(format!("{at}.prefix"), route.prefix, "stands twice");
        }
        if !switch.ports.iter().any(|p| p.id == route.port) {
            return refuse(format!("{at}.port"), route.port, "is none of the switch's ports");
        }
        check_mac(route.next_hop_mac, &format!("{at}.next_hop_mac"))?;
        if let Some(mac) = route.src_mac {
            check_mac(mac, &format!("{at}.src_mac"))?;
        }
    }
    Ok(())
}

fn check_prefix(prefix: IpNetwork, field: &str) -> Result<(), ConfigError> {
    if prefix.network() != prefix.ip() {
        return refuse(field, prefix, format!("has bits set behind /{}", prefix.prefix()));
    }
    // IPv4-mapped addresses never appear on a wire: this is a mistake for an IPv4 prefix.
    let mapped = matches!(prefix.ip(), IpAddr::V6(v6) if v6 != Ipv6Addr::UNSPECIFIED && v6.to_ipv4_mapped().is_some());
    if mapped { refuse(field, prefix, "write it as an IPv4 prefix") } else { Ok(()) }
}

fn check_mac(mac: MacAddr, field: &str) -> Result<(), ConfigError> {
    if mac.0[0] & 1 == 1 || mac == MacAddr::default() {
        return refuse(field, mac, "must be a unicast address");
    }
    Ok(())
}
