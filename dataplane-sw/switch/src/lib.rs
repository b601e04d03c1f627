//! The software switch: mimiq's pipeline behind P4Runtime.
//!
//! [`arbitration`], [`pipeline_config`] and [`tables`] decide and are pure; [`server`] is the gRPC around them.

pub mod arbitration;
pub mod config;
mod device;
mod error;
pub mod metrics;
mod operation;
pub mod pipeline_config;
mod read;
pub mod server;
mod stream;
pub mod tables;

pub use device::Device;
pub use error::{ItemError, MAX_DETAILS, batch_status};
pub use read::Outcome;
