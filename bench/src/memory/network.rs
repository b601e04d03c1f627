//! The switch's entries: the same few everywhere, and many of the kind that is measured.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Context as _;
use mimiq_contract::{
    Entry, MacAddr, PortId, Prefix, Role,
    tables::{
        AliasAction, AliasKey, ClientV6Action, ClientV6Key, DecapAction, DecapKey, DeniedSourceV6Action,
        DeniedSourceV6Key, EgressRoleAction, EgressRoleKey, PoolV6Action, PoolV6Key, PortRoleAction, PortRoleKey,
        RouteV6Action, RouteV6Key, SourceGuardV6Action, SourceGuardV6Key, SwitchInfoAction, SwitchInfoKey,
    },
};
use mimiq_pipeline::{TableReader, TableSizes};

use super::work::Work;

pub(super) const CLIENT_PORT: PortId = PortId(1);
pub(super) const FABRIC_PORT: PortId = PortId(2);
pub(super) const UPSTREAM_PORT: PortId = PortId(3);

pub(super) const CLIENT_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(super) const SWITCH_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(super) const FABRIC_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);
pub(super) const UPSTREAM_MAC: MacAddr = MacAddr([2, 0, 0, 0, 3, 1]);

/// A /40 with 24 bits of alias behind it.
pub(super) const POOL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
pub(super) const POOL_LEN: u8 = 40;
/// Prefix and alias.
pub(super) const MASK: Ipv6Addr = Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0, 0, 0, 0);
pub(super) const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// Of switches: this one is 1, the other 2.
pub(super) const INTERNAL: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0);
pub(super) const INTERNAL_LEN: u8 = 64;
pub(super) const THIS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
pub(super) const OTHER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// The alias part of an address.
pub(super) fn alias_of(addr: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(addr.to_bits() & MASK.to_bits())
}

/// Tables of this size, filled.
pub(super) fn tables(work: Work, addresses: &[Ipv6Addr]) -> anyhow::Result<TableReader> {
    let (mut writer, reader) = mimiq_pipeline::tables(&TableSizes::uniform(addresses.len() + 16));
    let many = addresses.iter().map(|addr| entry(work, *addr));
    for entry in common()?.into_iter().chain(many) {
        writer.insert(entry).with_context(|| format!("{entry:?}"))?;
    }
    writer.modify(Entry::SwitchInfo(
        SwitchInfoKey {},
        SwitchInfoAction::SetSwitchInfo {
            mac: SWITCH_MAC,
            tunnel_addr: THIS,
            icmp_addr_v6: THIS,
            icmp_addr_v4: Ipv4Addr::new(192, 0, 2, 1),
            fabric_mtu: 1540,
        },
    ))?;
    writer.publish();
    Ok(reader)
}

/// The entry that one more address needs.
fn entry(work: Work, addr: Ipv6Addr) -> Entry {
    match work {
        Work::SourceGuard => Entry::SourceGuardV6(
            SourceGuardV6Key { port: CLIENT_PORT, src_mac: CLIENT_MAC, src_addr: addr },
            SourceGuardV6Action::Permit {},
        ),
        Work::Alias => {
            Entry::Alias(AliasKey { alias_prefix: alias_of(addr) }, AliasAction::Tunnel { switch_addr: OTHER })
        }
        Work::Delivery => Entry::ClientV6(
            ClientV6Key { dst_addr: addr },
            ClientV6Action::Deliver { port: CLIENT_PORT, mac: CLIENT_MAC },
        ),
    }
}

fn common() -> anyhow::Result<Vec<Entry>> {
    let prefix = |addr, len| Prefix::new(addr, len).context("prefix");
    let roles = [(CLIENT_PORT, Role::Client), (FABRIC_PORT, Role::Fabric), (UPSTREAM_PORT, Role::Upstream)];
    let mut entries: Vec<_> = roles
        .into_iter()
        .flat_map(|(port, role)| {
            [
                Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }),
                Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }),
            ]
        })
        .collect();
    let forward = |port, dst_mac| RouteV6Action::Forward { port, src_mac: SWITCH_MAC, dst_mac };
    for (addr, len, port, mac) in
        [(INTERNAL, INTERNAL_LEN, FABRIC_PORT, FABRIC_MAC), (Ipv6Addr::UNSPECIFIED, 0, UPSTREAM_PORT, UPSTREAM_MAC)]
    {
        entries.push(Entry::RouteV6(RouteV6Key { dst_addr: prefix(addr, len)? }, forward(port, mac)));
    }
    let pool = prefix(POOL, POOL_LEN)?;
    entries.push(Entry::PoolV6(PoolV6Key { dst_addr: pool }, PoolV6Action::AliasPool { mask: MASK }));
    for src_addr in [pool, prefix(INTERNAL, INTERNAL_LEN)?] {
        entries.push(Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr }, DeniedSourceV6Action::Deny {}));
    }
    entries.push(Entry::Decap(DecapKey { outer_src: OTHER, outer_dst: THIS }, DecapAction::Decapsulate {}));
    Ok(entries)
}
