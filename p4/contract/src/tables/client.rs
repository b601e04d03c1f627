use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, PortId, macros::table};

table! {
    /// Passive ARP (MIMIQ §3.3): where the client of an address is, as the controller knows it; nothing is asked.
    ClientV6 = TABLE_CLIENT_V6, "client_v6";
    key ClientV6Key {
        /// The packet's destination.
        dst_addr: Ipv6Addr,
    }
    action ClientV6Action {
        /// Deliver to this client.
        Deliver = ACTION_DELIVER_V6 {
            /// The client's port.
            port: PortId,
            /// The client's address on it.
            mac: MacAddr,
        },
    }
}

table! {
    /// [`ClientV6`] for IPv4.
    ClientV4 = TABLE_CLIENT_V4, "client_v4";
    key ClientV4Key {
        /// The packet's destination.
        dst_addr: Ipv4Addr,
    }
    action ClientV4Action {
        /// Deliver to this client.
        Deliver = ACTION_DELIVER_V4 {
            /// The client's port.
            port: PortId,
            /// The client's address on it.
            mac: MacAddr,
        },
    }
}
