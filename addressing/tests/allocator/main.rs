//! Who gets which address.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy.toml allows them in test functions only

#[path = "../common/mod.rs"]
mod common;
mod edges;
mod fairness;
mod restart;
mod several;
mod uniformity;
