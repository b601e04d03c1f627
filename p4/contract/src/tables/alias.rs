use std::net::Ipv6Addr;

use crate::macros::table;

table! {
    /// The SID aliases (MIMIQ §3.3): which switch's clients have addresses with this prefix and alias.
    Alias = TABLE_ALIAS, "alias";
    key AliasKey {
        /// Prefix ‖ SID alias, the other bits zero: the destination under the pool's mask.
        alias_prefix: Ipv6Addr,
    }
    action AliasAction {
        /// Encapsulate to the client-facing switch.
        Tunnel = ACTION_TUNNEL_ALIAS {
            /// Its internal address.
            switch_addr: Ipv6Addr,
        },
    }
}
