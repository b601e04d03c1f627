//! Clients in simulated time, on a network whose nodes really unwrap packets; and one as its provider sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod cover;
mod delivery;
mod network;
mod wire;
