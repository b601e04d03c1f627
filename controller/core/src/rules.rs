//! The entries that a lease needs, and where.
//!
//! At the client-facing switch: what delivers, until the end of the grace, and what lets send, until the end of the
//! lease. At every edge switch: the SID aliases, and for an address without alias a binding (naive mode), until the end
//! of the grace.

use std::net::{IpAddr, Ipv6Addr};

use mimiq_contract::{Entry, EntryKey, tables::*};

use crate::Location;

/// Lets the client send from the address.
pub fn guard(location: Location, address: IpAddr) -> Entry {
    let Location { port, mac: src_mac, .. } = location;
    match address {
        IpAddr::V6(src_addr) => {
            Entry::SourceGuardV6(SourceGuardV6Key { port, src_mac, src_addr }, SourceGuardV6Action::Permit {})
        }
        IpAddr::V4(src_addr) => {
            Entry::SourceGuardV4(SourceGuardV4Key { port, src_mac, src_addr }, SourceGuardV4Action::Permit {})
        }
    }
}

/// Delivers packets for the address to the client (passive ARP learning, MIMIQ §3.3).
pub fn delivery(location: Location, address: IpAddr) -> Entry {
    let Location { port, mac, .. } = location;
    match address {
        IpAddr::V6(dst_addr) => Entry::ClientV6(ClientV6Key { dst_addr }, ClientV6Action::Deliver { port, mac }),
        IpAddr::V4(dst_addr) => Entry::ClientV4(ClientV4Key { dst_addr }, ClientV4Action::Deliver { port, mac }),
    }
}

/// Tunnels packets for the address to its client's switch (naive mode, MIMIQ §3.3).
pub fn binding(address: IpAddr, switch_addr: Ipv6Addr) -> Entry {
    match address {
        IpAddr::V6(dst_addr) => Entry::BindingV6(BindingV6Key { dst_addr }, BindingV6Action::Tunnel { switch_addr }),
        IpAddr::V4(dst_addr) => Entry::BindingV4(BindingV4Key { dst_addr }, BindingV4Action::Tunnel { switch_addr }),
    }
}

/// Tunnels packets for all addresses with an alias to the switch whose it is.
pub fn alias(alias_prefix: Ipv6Addr, switch_addr: Ipv6Addr) -> Entry {
    Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr })
}

/// What an entry of a client-facing switch says about a lease; `None` if it is about something else.
pub fn delivered(entry: &Entry, sid: u16) -> Option<(IpAddr, Location)> {
    match *entry {
        Entry::ClientV6(ClientV6Key { dst_addr }, ClientV6Action::Deliver { port, mac }) => {
            Some((dst_addr.into(), Location { sid, port, mac }))
        }
        Entry::ClientV4(ClientV4Key { dst_addr }, ClientV4Action::Deliver { port, mac }) => {
            Some((dst_addr.into(), Location { sid, port, mac }))
        }
        _ => None,
    }
}

/// The address that a key of `source_guard`, `client` or `binding` is about.
pub fn address_of(key: &EntryKey) -> Option<IpAddr> {
    match *key {
        EntryKey::SourceGuardV6(SourceGuardV6Key { src_addr, .. }) => Some(src_addr.into()),
        EntryKey::SourceGuardV4(SourceGuardV4Key { src_addr, .. }) => Some(src_addr.into()),
        EntryKey::ClientV6(ClientV6Key { dst_addr }) | EntryKey::BindingV6(BindingV6Key { dst_addr }) => {
            Some(dst_addr.into())
        }
        EntryKey::ClientV4(ClientV4Key { dst_addr }) | EntryKey::BindingV4(BindingV4Key { dst_addr }) => {
            Some(dst_addr.into())
        }
        _ => None,
    }
}
