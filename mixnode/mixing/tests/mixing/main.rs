//! The parts of a mix, one by one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod aqm;
mod clock;
mod link;
mod queue;
mod replay;
mod udp;
