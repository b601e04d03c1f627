//! Attacks are noticed and localised; honest losses are not taken for attacks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod detection;
mod ledger;
mod network;
