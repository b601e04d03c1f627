//! The rules of a lease at its client-facing switch.

use std::net::Ipv6Addr;

use mimiq_contract::{Entry, EntryKey, tables::*};

use crate::relay::Location;

/// Lets the client send from the address.
pub(super) fn guard(location: Location, src_addr: Ipv6Addr) -> EntryKey {
    EntryKey::SourceGuardV6(guard_key(location, src_addr))
}

/// Delivers packets for the address to the client.
pub(super) fn delivery(dst_addr: Ipv6Addr) -> EntryKey {
    EntryKey::ClientV6(ClientV6Key { dst_addr })
}

fn guard_key(Location { port, mac, .. }: Location, src_addr: Ipv6Addr) -> SourceGuardV6Key {
    SourceGuardV6Key { port, src_mac: mac, src_addr }
}

/// All rules of these addresses; what delivers comes before what lets send.
pub(super) fn entries(location: Location, addresses: &[Ipv6Addr]) -> Vec<Entry> {
    let Location { port, mac, .. } = location;
    let delivery = |dst_addr: &Ipv6Addr| {
        Entry::ClientV6(ClientV6Key { dst_addr: *dst_addr }, ClientV6Action::Deliver { port, mac })
    };
    let guard =
        |address: &Ipv6Addr| Entry::SourceGuardV6(guard_key(location, *address), SourceGuardV6Action::Permit {});
    addresses.iter().map(delivery).chain(addresses.iter().map(guard)).collect()
}

/// The keys of [`entries`], in the opposite order.
pub(super) fn keys(location: Location, addresses: &[Ipv6Addr]) -> Vec<EntryKey> {
    let guards = addresses.iter().map(|address| guard(location, *address));
    guards.chain(addresses.iter().map(|address| delivery(*address))).collect()
}
