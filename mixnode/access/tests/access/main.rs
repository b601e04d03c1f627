//! Clients and a provider over real QUIC on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod files;
mod hopping;
mod hostile;
mod packets;
mod pulls;
mod registration;
mod setup;
mod states;
mod wire;
