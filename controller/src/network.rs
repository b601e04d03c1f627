//! What every switch must have because of the configuration alone: ports, routes, tunnels, the relay, the pool.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;
use mimiq_contract::{Entry, PortId, Prefix, Role, tables::*, wellknown};

use crate::config::{Config, Switch};

enum AnyPrefix {
    V6(Prefix<Ipv6Addr>),
    V4(Prefix<Ipv4Addr>),
}

fn prefix(network: IpNetwork) -> Option<AnyPrefix> {
    match network {
        IpNetwork::V6(n) => Prefix::new(n.network(), n.prefix()).map(AnyPrefix::V6),
        IpNetwork::V4(n) => Prefix::new(n.network(), n.prefix()).map(AnyPrefix::V4),
    }
}

/// The entries of one switch that follow from the configuration.
pub fn static_entries(config: &Config, switch: &Switch) -> Vec<Entry> {
    let mut entries = Vec::new();
    let Switch { mac, tunnel_addr, icmp_addr_v6, icmp_addr_v4, fabric_mtu, .. } = *switch;
    let info = SwitchInfoAction::SetSwitchInfo { mac, tunnel_addr, icmp_addr_v6, icmp_addr_v4, fabric_mtu };
    entries.push(Entry::SwitchInfo(SwitchInfoKey {}, info));
    for port in &switch.ports {
        let (port, role) = (PortId(port.id), port.role);
        entries.push(Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }));
        entries.push(Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }));
    }
    gateways(switch, &mut entries);
    routes(switch, &mut entries);
    if let Some(sid) = switch.sid {
        client_facing(config, switch, sid, &mut entries);
    }
    if switch.edge {
        edge(config, switch, &mut entries);
    }
    entries
}

fn gateways(switch: &Switch, entries: &mut Vec<Entry>) {
    let own = GatewayV6Key { role: Role::Fabric, target_addr: switch.tunnel_addr };
    let mut v6 = vec![(own, switch.mac)];
    if switch.sid.is_some() {
        let gateway = GatewayV6Key { role: Role::Client, target_addr: wellknown::GATEWAY };
        v6.push((gateway, wellknown::GATEWAY_MAC));
    }
    for gateway in &switch.gateways {
        let mac = gateway.mac.unwrap_or(switch.mac);
        match gateway.address {
            IpAddr::V6(target_addr) => v6.push((GatewayV6Key { role: gateway.role, target_addr }, mac)),
            IpAddr::V4(target_addr) => {
                let key = GatewayV4Key { role: gateway.role, target_addr };
                entries.push(Entry::GatewayV4(key, GatewayV4Action::Answer { mac }));
            }
        }
    }
    entries.extend(v6.into_iter().map(|(key, mac)| Entry::GatewayV6(key, GatewayV6Action::Answer { mac })));
}

fn routes(switch: &Switch, entries: &mut Vec<Entry>) {
    for route in &switch.routes {
        let (port, dst_mac) = (PortId(route.port), route.next_hop_mac);
        let src_mac = route.src_mac.unwrap_or(switch.mac);
        match prefix(route.prefix) {
            Some(AnyPrefix::V6(dst_addr)) => {
                let action = RouteV6Action::Forward { port, src_mac, dst_mac };
                entries.push(Entry::RouteV6(RouteV6Key { dst_addr }, action));
            }
            Some(AnyPrefix::V4(dst_addr)) => {
                let action = RouteV4Action::Forward { port, src_mac, dst_mac };
                entries.push(Entry::RouteV4(RouteV4Key { dst_addr }, action));
            }
            None => {}
        }
    }
}

/// The relay to the controller and back, and the tunnels from every edge switch.
fn client_facing(config: &Config, switch: &Switch, sid: u16, entries: &mut Vec<Entry>) {
    let (switch_addr, controller_addr) = (switch.tunnel_addr, *config.relay.ip());
    let control = ControlRelayKey { dst_addr: wellknown::GATEWAY, udp_dst_port: wellknown::CONTROL_PORT };
    let relay = ControlRelayAction::RelayToController { sid, switch_addr, controller_addr };
    entries.push(Entry::ControlRelay(control, relay));
    let back = RelayReturnKey { src_addr: controller_addr, dst_addr: switch_addr, udp_dst_port: wellknown::RELAY_PORT };
    entries.push(Entry::RelayReturn(back, RelayReturnAction::RelayToClient {}));
    for edge in config.switches.iter().filter(|s| s.edge && s.name != switch.name) {
        let key = DecapKey { outer_src: edge.tunnel_addr, outer_dst: switch_addr };
        entries.push(Entry::Decap(key, DecapAction::Decapsulate {}));
    }
}

/// The pools, and the sources that must not come from the Internet.
fn edge(config: &Config, switch: &Switch, entries: &mut Vec<Entry>) {
    for pool in &config.pools {
        match (prefix(pool.prefix), pool.alias_mask()) {
            (Some(AnyPrefix::V6(dst_addr)), Some(mask)) => {
                entries.push(Entry::PoolV6(PoolV6Key { dst_addr }, PoolV6Action::AliasPool { mask }));
            }
            (Some(AnyPrefix::V6(dst_addr)), None) => {
                entries.push(Entry::PoolV6(PoolV6Key { dst_addr }, PoolV6Action::BindingPool {}));
            }
            (Some(AnyPrefix::V4(dst_addr)), _) => {
                entries.push(Entry::PoolV4(PoolV4Key { dst_addr }, PoolV4Action::BindingPool {}));
            }
            (None, _) => {}
        }
    }
    for denied in switch.denied_sources.iter().copied().chain(config.pools.iter().map(|pool| pool.prefix)) {
        match prefix(denied) {
            Some(AnyPrefix::V6(src_addr)) => {
                entries.push(Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr }, DeniedSourceV6Action::Deny {}));
            }
            Some(AnyPrefix::V4(src_addr)) => {
                entries.push(Entry::DeniedSourceV4(DeniedSourceV4Key { src_addr }, DeniedSourceV4Action::Deny {}));
            }
            None => {}
        }
    }
}
