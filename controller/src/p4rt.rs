//! P4Runtime: one session per switch, which reads the switch and writes what the core says.

mod connection;
mod session;
mod tls;
mod write;

pub use connection::{Connection, ElectionId, Lost, Outcome, ReadError, Reader, Target, Writer};
pub use session::{Events, Order, start};
pub use tls::client_tls;
