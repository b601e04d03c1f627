//! Whole networks: every part is a process of `mimiq-mix`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod messages;
