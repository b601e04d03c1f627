//! Authorities on loopback, their nodes and followers; and the core alone, in simulated time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod agreement;
mod configuration;
mod core;
mod durability;
mod follower;
mod network;
mod publishing;
mod requests;
mod setup;
mod simulation;
