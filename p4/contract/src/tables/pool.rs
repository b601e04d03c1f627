use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Prefix, macros::table};

table! {
    /// The address pools, and how the client-facing switch of a destination is found.
    PoolV6 = TABLE_POOL_V6, "pool_v6";
    key PoolV6Key {
        /// The packet's destination.
        dst_addr: Prefix<Ipv6Addr>,
    }
    action PoolV6Action {
        /// By its SID alias: the bits of the destination that `mask` selects are looked up in `alias`.
        AliasPool = ACTION_ALIAS_POOL {
            /// Ones over prefix and SID alias.
            mask: Ipv6Addr,
        },
        /// By its whole address in `binding_v6`.
        BindingPool = ACTION_BINDING_POOL_V6 {},
    }
}

table! {
    /// [`PoolV6`] for IPv4, where every address needs a binding.
    PoolV4 = TABLE_POOL_V4, "pool_v4";
    key PoolV4Key {
        /// The packet's destination.
        dst_addr: Prefix<Ipv4Addr>,
    }
    action PoolV4Action {
        /// By its whole address in `binding_v4`.
        BindingPool = ACTION_BINDING_POOL_V4 {},
    }
}
