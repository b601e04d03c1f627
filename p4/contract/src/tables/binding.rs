use std::net::{Ipv4Addr, Ipv6Addr};

use crate::macros::table;

table! {
    /// Naive mode (MIMIQ §3.3): the client-facing switch of each address.
    BindingV6 = TABLE_BINDING_V6, "binding_v6";
    key BindingV6Key {
        /// The packet's destination.
        dst_addr: Ipv6Addr,
    }
    action BindingV6Action {
        /// Encapsulate to the client-facing switch.
        Tunnel = ACTION_TUNNEL_V6 {
            /// Its internal address.
            switch_addr: Ipv6Addr,
        },
    }
}

table! {
    /// [`BindingV6`] for IPv4.
    BindingV4 = TABLE_BINDING_V4, "binding_v4";
    key BindingV4Key {
        /// The packet's destination.
        dst_addr: Ipv4Addr,
    }
    action BindingV4Action {
        /// Encapsulate to the client-facing switch.
        Tunnel = ACTION_TUNNEL_V4 {
            /// Its internal address.
            switch_addr: Ipv6Addr,
        },
    }
}
