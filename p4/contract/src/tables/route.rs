use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, PortId, Prefix, macros::table};

table! {
    /// Routes with their next hops, by longest prefix.
    RouteV6 = TABLE_ROUTE_V6, "route_v6";
    key RouteV6Key {
        /// The (outer) destination.
        dst_addr: Prefix<Ipv6Addr>,
    }
    action RouteV6Action {
        /// Send to a neighbour.
        Forward = ACTION_FORWARD_V6 {
            /// The egress port.
            port: PortId,
            /// The frame's source.
            src_mac: MacAddr,
            /// The neighbour.
            dst_mac: MacAddr,
        },
    }
}

table! {
    /// [`RouteV6`] for IPv4.
    RouteV4 = TABLE_ROUTE_V4, "route_v4";
    key RouteV4Key {
        /// The destination.
        dst_addr: Prefix<Ipv4Addr>,
    }
    action RouteV4Action {
        /// Send to a neighbour.
        Forward = ACTION_FORWARD_V4 {
            /// The egress port.
            port: PortId,
            /// The frame's source.
            src_mac: MacAddr,
            /// The neighbour.
            dst_mac: MacAddr,
        },
    }
}
