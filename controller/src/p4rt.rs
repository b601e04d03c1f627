//! P4Runtime: one session per switch that keeps the switch's tables as they should be.

mod connection;
mod diff;
mod session;

pub use connection::{ElectionId, Target};
pub use diff::{Operation, diff};
pub use session::{Adopt, SwitchHandle, WriteError, start};
