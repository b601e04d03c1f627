//! The controller between clients and switches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod abuse;
mod bmv2;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod families;
mod leases;
mod p4rt;
mod p4rt_tls;
mod resilience;
