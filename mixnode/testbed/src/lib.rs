//! Loopix networks of real processes on loopback: authorities, mixes, providers. For tests and the demo.
//!
//! Each network has addresses of its own, `127.a.b.0/24` with random a and b, so that several can run at a time. All processes end with it.

mod files;
mod metrics;
mod network;
mod process;
mod wire;

pub use files::Plan;
pub use metrics::Metrics;
pub use network::Network;
pub use process::{Process, output};
pub use wire::Wire;
