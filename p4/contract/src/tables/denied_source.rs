use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Prefix, macros::table};

table! {
    /// Sources that must not arrive from upstream: the pools, whose addresses belong to clients inside, and the
    /// trusted network's internal addresses.
    DeniedSourceV6 = TABLE_DENIED_SOURCE_V6, "denied_source_v6";
    key DeniedSourceV6Key {
        /// The packet's source.
        src_addr: Prefix<Ipv6Addr>,
    }
    action DeniedSourceV6Action {
        /// Drop.
        Deny = ACTION_DENY_V6 {},
    }
}

table! {
    /// [`DeniedSourceV6`] for IPv4.
    DeniedSourceV4 = TABLE_DENIED_SOURCE_V4, "denied_source_v4";
    key DeniedSourceV4Key {
        /// The packet's source.
        src_addr: Prefix<Ipv4Addr>,
    }
    action DeniedSourceV4Action {
        /// Drop.
        Deny = ACTION_DENY_V4 {},
    }
}
