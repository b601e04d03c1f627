//! States that are opened, and all that are not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod consistency;
mod paths;
mod setup;
mod signatures;
