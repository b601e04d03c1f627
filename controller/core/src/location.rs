use mimiq_contract::{MacAddr, PortId};

/// Where a client is, as its switch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// The client-facing switch.
    pub sid: u16,
    /// The switch's port to the client.
    pub port: PortId,
    /// The client's address on that link.
    pub mac: MacAddr,
}
