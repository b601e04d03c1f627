//! wip

mod elligator;
mod seal;

pub use seal::{Identity, Opened, SealError, capacity, open, seal};
