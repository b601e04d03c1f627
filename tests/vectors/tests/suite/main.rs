//! The packet vectors, their language, and the fuzzer.
#![allow(clippy::unwrap_used, clippy::panic)] // All of this crate is tests.

mod coverage;
mod found;
mod frames;
mod fuzz;
mod language;
mod vectors;
