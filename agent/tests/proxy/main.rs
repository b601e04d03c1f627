//! The proxy as programs use it: curl, aioquic, Chromium; over connections to a real exit that hop. A relay before the exit
//! sees what an observer sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod curl;
mod failures;
mod origin;
mod tcp;
mod udp;
mod world;
