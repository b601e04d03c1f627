//! Whole networks of nodes on loopback: real sockets, real keys and logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod metrics;
mod relaying;
mod rotation;
mod setup;
