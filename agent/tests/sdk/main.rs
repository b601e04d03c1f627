//! Applications that use the SDK, against real servers, as an observer between them sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "not its main function")]
#[path = "../../examples/quinn_application.rs"]
mod application;
mod classes;
mod commands;
mod hops;
mod local_socket;
mod policies;
mod resumption;
mod sessions;
mod stripes;
#[path = "../support/mod.rs"]
mod support;
mod transfer;
mod validation;
