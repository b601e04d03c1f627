//! A load generator for the allocation protocol, in the spirit of Kea's perfdhcp: many clients behind client-facing switches,
//! which it plays towards the controller.
//!
//! ```text
//! load ── requests ──▶ fleet ── QUIC ──▶ net ── wrapped frames ──▶ controller
//!   └ pace: when         └ many connections   └ one socket a switch
//! ```
//!
//! Latencies count from when a request should have been sent, so that a server that stalls cannot hide it by keeping the
//! generator from sending (coordinated omission).

mod fleet;
mod load;
mod net;
pub mod options;
pub mod pace;
mod pki;
pub mod protocol;
pub mod report;
pub mod run;
mod stats;
mod usage;
mod wire;
mod worker;

pub use options::Options;
pub use report::{Report, Second};
