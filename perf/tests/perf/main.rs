//! The generator against a real controller.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod common;
mod load;
mod refusals;
