//! Whole networks of real processes in trouble. One program: its tests mostly wait, so they run side by side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod clock;
mod found;
mod kills;
mod restart;
