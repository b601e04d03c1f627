//! Ports and their roles.

/// A switch port: 9 bits, as on BMv2 and Tofino 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PortId(pub u16);

impl PortId {
    /// One more than the largest port number.
    pub const COUNT: usize = 512;
}

/// What a port is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Clients: sources are guarded, control datagrams are relayed.
    Client = 1,
    /// The trusted network's inside.
    Fabric = 2,
    /// The Internet: pool and internal sources are dropped.
    Upstream = 3,
}
