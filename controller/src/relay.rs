//! The relay endpoint: clients' control datagrams arrive wrapped by their client-facing switch, and replies go back
//! the same way (MIMIQ §3.3; docs/architecture.md).

mod frame;
mod location;
mod socket;

pub use frame::{Datagram, RelayDrop, parse, reply};
pub use location::Peer;
pub use mimiq_core::Location;
pub use socket::{RelaySocket, Tunnels};
