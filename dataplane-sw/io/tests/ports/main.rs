//! Packets between ports: in memory, and over real interfaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod carry;
#[path = "../common/mod.rs"]
mod common;
mod links;
mod memory;
mod pipeline;
mod trouble;
