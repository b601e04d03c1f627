use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, Role, macros::table};

table! {
    /// The addresses whose neighbour solicitations the switch answers (RFC 4861 §7.2.4).
    GatewayV6 = TABLE_GATEWAY_V6, "gateway_v6";
    key GatewayV6Key {
        /// On ports of this role.
        role: Role,
        /// The address asked for.
        target_addr: Ipv6Addr,
    }
    action GatewayV6Action {
        /// Answer with this address.
        Answer = ACTION_ANSWER_V6 {
            /// The link-layer address.
            mac: MacAddr,
        },
    }
}

table! {
    /// The addresses whose ARP requests the switch answers (RFC 826).
    GatewayV4 = TABLE_GATEWAY_V4, "gateway_v4";
    key GatewayV4Key {
        /// On ports of this role.
        role: Role,
        /// The address asked for.
        target_addr: Ipv4Addr,
    }
    action GatewayV4Action {
        /// Answer with this address.
        Answer = ACTION_ANSWER_V4 {
            /// The link-layer address.
            mac: MacAddr,
        },
    }
}
