//! Packets from their building to their end, and everything that can be wrong with one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod agreement;
mod hostile;
mod model;
mod replies;
mod setup;
mod vectors;
