//! The switch as controllers and operators see it.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod arbitration;
mod common;
mod config;
mod counters;
mod meter;
mod pipeline_config;
mod quiet_logs;
mod server;
mod tables;
