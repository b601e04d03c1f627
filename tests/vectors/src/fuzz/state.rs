use std::net::Ipv6Addr;

use mimiq_contract::{
    Entry, ParamField, Prefix, Role,
    tables::*,
    wellknown::{CONTROL_PORT, GATEWAY, RELAY_PORT},
};
use rand::Rng;

use super::universe::{Universe, pick};
use crate::entry::State;

const ROLES: [Role; 3] = [Role::Client, Role::Fabric, Role::Upstream];
const LENGTHS_V6: [u8; 16] = [0, 1, 8, 16, 31, 32, 33, 47, 48, 56, 57, 64, 112, 113, 127, 128];
const LENGTHS_V4: [u8; 9] = [0, 1, 7, 8, 16, 23, 24, 31, 32];
/// What an alias pool selects.
const MASKS: [u128; 6] = [
    0xffff_ffff_ffff_0000_0000_0000_0000_0000,
    0xffff_ffff_ffff_ff00_0000_0000_0000_0000,
    0xffff_ffff_ffff_ffff_0000_0000_0000_0000,
    0xffff_ffff_ffff_0f0f_0000_0000_0000_0003,
    u128::MAX,
    0,
];
/// Fabric MTUs: small ones, so that small frames are too big as well; and the limits.
const MTUS: [u16; 14] = [0, 1, 39, 40, 41, 68, 90, 100, 128, 150, 576, 1500, 9000, u16::MAX];

/// Entries for all tables, a few each.
pub(super) fn make(rng: &mut impl Rng, universe: &Universe) -> State {
    let mut entries = Vec::new();
    ports(rng, universe, &mut entries);
    clients(rng, universe, &mut entries);
    pools(rng, universe, &mut entries);
    own(rng, universe, &mut entries);
    for _ in 0..rng.random_range(0..8) {
        let (src_mac, dst_mac) = (universe.mac(rng), universe.mac(rng));
        let v6 = RouteV6Action::Forward { port: universe.port(rng), src_mac, dst_mac };
        let v4 = RouteV4Action::Forward { port: universe.port(rng), src_mac, dst_mac };
        entries.push(Entry::RouteV6(RouteV6Key { dst_addr: prefix_v6(rng, universe) }, v6));
        entries.push(Entry::RouteV4(RouteV4Key { dst_addr: prefix_v4(rng, universe) }, v4));
    }
    entries.into_iter().map(|entry| (entry.key(), entry)).collect()
}

fn role(rng: &mut impl Rng) -> Role {
    pick(rng, &ROLES).unwrap_or(Role::Client)
}

fn ports(rng: &mut impl Rng, universe: &Universe, entries: &mut Vec<Entry>) {
    for port in universe.ports.iter().copied() {
        let roles = [role(rng), role(rng)];
        // Mostly the same in both tables, as the controller writes them.
        let egress = roles[usize::from(rng.random_ratio(1, 5))];
        if rng.random_ratio(7, 8) {
            entries.push(Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role: roles[0] }));
        }
        if rng.random_ratio(7, 8) {
            let action = EgressRoleAction::SetEgressRole { role: egress };
            entries.push(Entry::EgressRole(EgressRoleKey { port }, action));
        }
    }
}

fn clients(rng: &mut impl Rng, universe: &Universe, entries: &mut Vec<Entry>) {
    for _ in 0..rng.random_range(0..24) {
        let (port, src_mac) = (universe.port(rng), universe.mac(rng));
        let v6 = SourceGuardV6Key { port, src_mac, src_addr: universe.any_v6(rng) };
        let v4 = SourceGuardV4Key { port, src_mac, src_addr: universe.any_v4(rng) };
        entries.push(Entry::SourceGuardV6(v6, SourceGuardV6Action::Permit {}));
        entries.push(Entry::SourceGuardV4(v4, SourceGuardV4Action::Permit {}));
    }
    for _ in 0..rng.random_range(0..4) {
        let (port, mac) = (universe.port(rng), universe.mac(rng));
        let (v6, v4) = (universe.any_v6(rng), universe.any_v4(rng));
        entries.push(Entry::ClientV6(ClientV6Key { dst_addr: v6 }, ClientV6Action::Deliver { port, mac }));
        entries.push(Entry::ClientV4(ClientV4Key { dst_addr: v4 }, ClientV4Action::Deliver { port, mac }));
    }
}

fn pools(rng: &mut impl Rng, universe: &Universe, entries: &mut Vec<Entry>) {
    for _ in 0..rng.random_range(0..4) {
        let mask = Ipv6Addr::from_bits(pick(rng, &MASKS).unwrap_or(0));
        let action = match rng.random_range(0..3) {
            0 => PoolV6Action::BindingPool {},
            _ => PoolV6Action::AliasPool { mask },
        };
        entries.push(Entry::PoolV6(PoolV6Key { dst_addr: prefix_v6(rng, universe) }, action));
        let key = PoolV4Key { dst_addr: prefix_v4(rng, universe) };
        entries.push(Entry::PoolV4(key, PoolV4Action::BindingPool {}));
        let key = AliasKey { alias_prefix: Ipv6Addr::from_bits(universe.v6(rng).to_bits() & mask.to_bits()) };
        entries.push(Entry::Alias(key, AliasAction::Tunnel { switch_addr: universe.v6(rng) }));
    }
    for _ in 0..rng.random_range(0..5) {
        let v6 = BindingV6Action::Tunnel { switch_addr: universe.v6(rng) };
        let v4 = BindingV4Action::Tunnel { switch_addr: universe.v6(rng) };
        entries.push(Entry::BindingV6(BindingV6Key { dst_addr: universe.v6(rng) }, v6));
        entries.push(Entry::BindingV4(BindingV4Key { dst_addr: universe.v4(rng) }, v4));
    }
    for _ in 0..rng.random_range(0..3) {
        let (v6, v4) = (prefix_v6(rng, universe), prefix_v4(rng, universe));
        // One that denies everything hides much.
        if (v6.is_empty() || v4.is_empty()) && rng.random() {
            continue;
        }
        entries.push(Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr: v6 }, DeniedSourceV6Action::Deny {}));
        entries.push(Entry::DeniedSourceV4(DeniedSourceV4Key { src_addr: v4 }, DeniedSourceV4Action::Deny {}));
    }
}

/// What the switch is and answers for.
fn own(rng: &mut impl Rng, universe: &Universe, entries: &mut Vec<Entry>) {
    if rng.random_ratio(15, 16) {
        let action = SwitchInfoAction::SetSwitchInfo {
            mac: universe.mac(rng),
            tunnel_addr: universe.v6(rng),
            icmp_addr_v6: universe.v6(rng),
            icmp_addr_v4: universe.v4(rng),
            fabric_mtu: pick(rng, &MTUS).unwrap_or(0),
        };
        entries.push(Entry::SwitchInfo(SwitchInfoKey {}, action));
    }
    for _ in 0..rng.random_range(0..4) {
        let (switch_addr, controller_addr) = (universe.v6(rng), universe.v6(rng));
        let decap = DecapKey { outer_src: universe.v6(rng), outer_dst: universe.v6(rng) };
        entries.push(Entry::Decap(decap, DecapAction::Decapsulate {}));
        let dst_addr = if rng.random() { GATEWAY } else { universe.v6(rng) };
        let udp_dst_port = if rng.random() { CONTROL_PORT } else { universe.udp_port(rng) };
        let action = ControlRelayAction::RelayToController { sid: rng.random(), switch_addr, controller_addr };
        entries.push(Entry::ControlRelay(ControlRelayKey { dst_addr, udp_dst_port }, action));
        let udp_dst_port = if rng.random_ratio(3, 4) { RELAY_PORT } else { universe.udp_port(rng) };
        let key = RelayReturnKey { src_addr: controller_addr, dst_addr: switch_addr, udp_dst_port };
        entries.push(Entry::RelayReturn(key, RelayReturnAction::RelayToClient {}));
    }
    for _ in 0..rng.random_range(0..8) {
        let mac = universe.mac(rng);
        let v6 = GatewayV6Key { role: role(rng), target_addr: universe.v6(rng) };
        let v4 = GatewayV4Key { role: role(rng), target_addr: universe.any_v4(rng) };
        entries.push(Entry::GatewayV6(v6, GatewayV6Action::Answer { mac }));
        entries.push(Entry::GatewayV4(v4, GatewayV4Action::Answer { mac }));
    }
}

fn prefix_v6(rng: &mut impl Rng, universe: &Universe) -> Prefix<Ipv6Addr> {
    prefix(universe.v6(rng), pick(rng, &LENGTHS_V6).unwrap_or(0))
}

fn prefix_v4(rng: &mut impl Rng, universe: &Universe) -> Prefix<std::net::Ipv4Addr> {
    prefix(universe.v4(rng), pick(rng, &LENGTHS_V4).unwrap_or(0))
}

/// The lengths above all fit.
#[allow(clippy::expect_used)]
fn prefix<A: ParamField + Copy>(addr: A, len: u8) -> Prefix<A> {
    Prefix::new(addr, len).expect("a length within the address")
}
