//! What a Loopix mix keeps (Loopix §3.3): packets until their delay is over, and the replay tags of all packets of a key epoch.

mod filter;
pub mod link;
mod log;
mod queue;
mod replay;

pub use queue::{Full, Queue};
pub use replay::{Found, ReplayError, ReplayGuard, Verdict};
