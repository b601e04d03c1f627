//! P4Runtime: one session per switch that keeps the switch's tables as they should be.

mod connection;
mod diff;
mod handle;
mod session;
mod write;

pub use connection::{Connection, ElectionId, Lost, Outcome, Target};
pub use diff::{Operation, diff};
pub use handle::{SwitchHandle, WriteError};
pub use session::{Adopt, start};
