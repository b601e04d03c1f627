//! The daemon as operators run it and as clients meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod garbage;
mod operator;
mod process;
mod standard;
