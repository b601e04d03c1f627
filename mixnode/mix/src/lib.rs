//! What `mimiq-mix` is made of: the configuration files of nodes and clients, and what runs with them.

pub mod commands;
pub mod config;
mod follow;
mod identity;
pub mod node;
pub mod telemetry;

pub use follow::{Following, follow};
