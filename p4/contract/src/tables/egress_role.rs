use crate::{PortId, Role, macros::table};

table! {
    /// The same roles as in `port_role`, for the port a packet would leave by: a table of a P4 program is applied once.
    EgressRole = TABLE_EGRESS_ROLE, "egress_role";
    key EgressRoleKey {
        /// The egress port.
        port: PortId,
    }
    action EgressRoleAction {
        /// The port has this role.
        SetEgressRole = ACTION_SET_EGRESS_ROLE {
            /// The role.
            role: Role,
        },
    }
}
