use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, PortId, macros::table};

table! {
    /// Which source addresses may enter at a client port; a miss is dropped (MIMIQ §3.3: only the allocation server
    /// manages the table, which prevents spoofing).
    SourceGuardV6 = TABLE_SOURCE_GUARD_V6, "source_guard_v6";
    key SourceGuardV6Key {
        /// The ingress port.
        port: PortId,
        /// The frame's source.
        src_mac: MacAddr,
        /// The packet's source.
        src_addr: Ipv6Addr,
    }
    action SourceGuardV6Action {
        /// The source is leased to this client.
        Permit = ACTION_PERMIT_V6 {},
    }
}

table! {
    /// [`SourceGuardV6`] for IPv4.
    SourceGuardV4 = TABLE_SOURCE_GUARD_V4, "source_guard_v4";
    key SourceGuardV4Key {
        /// The ingress port.
        port: PortId,
        /// The frame's source.
        src_mac: MacAddr,
        /// The packet's source.
        src_addr: Ipv4Addr,
    }
    action SourceGuardV4Action {
        /// The source is leased to this client.
        Permit = ACTION_PERMIT_V4 {},
    }
}
