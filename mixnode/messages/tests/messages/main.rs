//! Messages from one client to another, and everything that can be wrong with one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod addresses;
mod contents;
mod delivery;
mod hostile;
mod network;
mod payloads;
mod receiving;
mod sending;
mod setup;
