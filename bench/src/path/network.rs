//! Addresses, entries and frames.

use std::net::Ipv6Addr;

use anyhow::Context as _;
use mimiq_contract::{
    Entry, MacAddr, PortId, Prefix, Role,
    tables::{
        EgressRoleAction, EgressRoleKey, PortRoleAction, PortRoleKey, RouteV6Action, RouteV6Key, SourceGuardV6Action,
        SourceGuardV6Key,
    },
};

/// Leased addresses, all of them in use.
const SOURCES: usize = 10_000;

pub(super) const GENERATOR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(super) const NEAR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(super) const FAR_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
pub(super) const SINK_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);
/// Not the sink's, so that its kernel drops the frames of all forwarders at once instead of answering some with ICMP.
pub(super) const NEXT_HOP_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 2]);

pub(super) const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// The address of a lease.
fn source(number: usize) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8_0001_0000_0000_0000_0000_0000 | (number as u128 * 0x9e37_79b9))
}

/// The source guard's entries for the first leases.
pub(crate) fn leases(count: usize) -> impl Iterator<Item = Entry> {
    (1..=count).map(|number| {
        let key = SourceGuardV6Key { port: PortId(1), src_mac: GENERATOR_MAC, src_addr: source(number) };
        Entry::SourceGuardV6(key, SourceGuardV6Action::Permit {})
    })
}

/// What a switch needs to forward from the first port to the second one.
pub(super) fn entries() -> anyhow::Result<Vec<Entry>> {
    let [client, upstream] = [PortId(1), PortId(2)];
    let roles = [(client, Role::Client), (upstream, Role::Upstream)].into_iter().flat_map(|(port, role)| {
        [
            Entry::PortRole(PortRoleKey { port }, PortRoleAction::SetRole { role }),
            Entry::EgressRole(EgressRoleKey { port }, EgressRoleAction::SetEgressRole { role }),
        ]
    });
    let any = Prefix::new(Ipv6Addr::UNSPECIFIED, 0).context("prefix")?;
    let route = RouteV6Action::Forward { port: upstream, src_mac: FAR_MAC, dst_mac: NEXT_HOP_MAC };
    let route = Entry::RouteV6(RouteV6Key { dst_addr: any }, route);
    Ok(roles.chain([route]).chain(leases(SOURCES)).collect())
}

/// One packet of each lease.
pub(super) fn frames() -> Vec<Vec<u8>> {
    (1..=SOURCES).map(|number| frame(source(number))).collect()
}

/// IPv6 and UDP with 40 bytes: 102 bytes, to the server.
fn frame(source: Ipv6Addr) -> Vec<u8> {
    let udp = [&[0xc0, 0, 0x01, 0xbb, 0, 48, 0x12, 0x34][..], &[0xa5; 40]].concat();
    let ethernet = [&NEAR_MAC.0[..], &GENERATOR_MAC.0, &[0x86, 0xdd]].concat();
    [&ethernet[..], &[0x60, 0, 0, 0, 0, 48, 17, 64], &source.octets(), &SERVER.octets(), &udp].concat()
}
