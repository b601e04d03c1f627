use crate::{PortId, Role, macros::table};

table! {
    /// What each port is connected to; a port without a role drops everything.
    PortRole = TABLE_PORT_ROLE, "port_role";
    key PortRoleKey {
        /// The ingress port.
        port: PortId,
    }
    action PortRoleAction {
        /// The port has this role.
        SetRole = ACTION_SET_ROLE {
            /// The role.
            role: Role,
        },
    }
}
