//! The parts of a Loopix mix (§3.3, §4.1) around the packet format: packets until their delay is over ([`Queue`]), the replay tags of all packets of a
//! key epoch ([`ReplayGuard`]), links between nodes ([`link`]), what to drop under overload ([`Aqm`]), when to send ([`PoissonClock`]).
//!
//! Times are nanoseconds since any moment, and arguments, as randomness is. Sockets are in [`udp`] alone.

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
