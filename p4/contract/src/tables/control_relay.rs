use std::net::Ipv6Addr;

use crate::macros::table;

table! {
    /// The agents' control datagrams, recognised by the well-known address and port.
    ControlRelay = TABLE_CONTROL_RELAY, "control_relay";
    key ControlRelayKey {
        /// The packet's destination.
        dst_addr: Ipv6Addr,
        /// The UDP destination port.
        udp_dst_port: u16,
    }
    action ControlRelayAction {
        /// Wrap the whole frame and send it to the controller, as a DHCP relay agent would.
        RelayToController = ACTION_RELAY_TO_CONTROLLER {
            /// This switch's SID, for the relay header.
            sid: u16,
            /// This switch's internal address: the outer source.
            switch_addr: Ipv6Addr,
            /// The controller's address: the outer destination.
            controller_addr: Ipv6Addr,
        },
    }
}

table! {
    /// Wrapped frames from the controller to a client of this switch.
    RelayReturn = TABLE_RELAY_RETURN, "relay_return";
    key RelayReturnKey {
        /// The controller's address.
        src_addr: Ipv6Addr,
        /// This switch's internal address.
        dst_addr: Ipv6Addr,
        /// The relay's UDP port.
        udp_dst_port: u16,
    }
    action RelayReturnAction {
        /// Unwrap the frame and send it to the port in the relay header.
        RelayToClient = ACTION_RELAY_TO_CLIENT {},
    }
}
