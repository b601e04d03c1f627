use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, macros::table};

table! {
    /// What the switch needs to know of itself; a table without a key, set as its default action.
    SwitchInfo = TABLE_SWITCH_INFO, "switch_info";
    key SwitchInfoKey {}
    action SwitchInfoAction {
        /// The switch's own addresses.
        SetSwitchInfo = ACTION_SET_SWITCH_INFO {
            /// The source of frames delivered to clients.
            mac: MacAddr,
            /// The internal address: the source of tunnels.
            tunnel_addr: Ipv6Addr,
            /// The source of ICMPv6 errors.
            icmp_addr_v6: Ipv6Addr,
            /// The source of ICMP errors.
            icmp_addr_v4: Ipv4Addr,
            /// The largest IP packet the fabric carries, bytes.
            fabric_mtu: u16,
        },
    }
}
