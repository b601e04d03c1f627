//! What Rust knows of the P4 program, beside the program.
#![allow(clippy::unwrap_used, clippy::panic)] // the lints' exception for tests leaves out their helpers

#[path = "../common/mod.rs"]
mod common;
mod p4info;
mod program;
mod relay;
