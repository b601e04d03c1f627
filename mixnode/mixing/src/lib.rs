//! What a Loopix mix keeps (Loopix §3.3): packets until their delay is over, and the replay tags of all packets of a key epoch.

mod aqm;
mod clock;
mod filter;
pub mod link;
mod log;
mod queue;
mod replay;
pub mod udp;

pub use aqm::Aqm;
pub use clock::{Fired, PoissonClock, RateError};
pub use queue::{Full, Queue};
pub use replay::{Found, ReplayError, ReplayGuard, Verdict};
