//! P4Runtime: one session per switch, which reads the switch and writes what the core says.

mod connection;
mod session;
mod write;

pub use connection::{ElectionId, ReadError, Reader, Target};
pub use session::{Events, Order, start};
