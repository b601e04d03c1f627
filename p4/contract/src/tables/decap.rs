use std::net::Ipv6Addr;

use crate::macros::table;

table! {
    /// The tunnels that end here. The source is part of the key: without it a client could tunnel a packet with a
    /// forged inner source to another switch.
    Decap = TABLE_DECAP, "decap";
    key DecapKey {
        /// The sending switch's internal address.
        outer_src: Ipv6Addr,
        /// This switch's internal address.
        outer_dst: Ipv6Addr,
    }
    action DecapAction {
        /// Strip the outer header.
        Decapsulate = ACTION_DECAPSULATE {},
    }
}
