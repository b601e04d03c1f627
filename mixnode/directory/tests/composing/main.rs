//! From nodes' keys and descriptors to signed states, epoch after epoch.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod compose;
mod descriptors;
mod key_files;
mod key_ring;
mod policies;
mod rotation;
mod setup;
mod signing_file;
