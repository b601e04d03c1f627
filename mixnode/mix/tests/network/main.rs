//! Whole networks: every part is a process of `mimiq-mix`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod messages;
mod nodes;
mod providers;

use std::path::Path;
use std::time::Duration;

/// How long to wait for what should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mimiq-mix"))
}
