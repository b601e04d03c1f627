//! A directory authority of a Loopix network: it takes nodes' descriptors, agrees with the other authorities on states, round after round, and
//! serves what k of them have signed. And the [`Follower`], with which nodes and clients get it.
//!
//! [`Core`] decides, without I/O; what surrounds it speaks HTTP/1.1 and writes files. All that is passed on is signed, so that HTTP needs no
//! protection for it to be believed; who reads along learns who asks. Behind a TLS proxy they would not.

mod authority;
mod client;
mod config;
mod core;
mod descriptors;
mod draft;
mod durable;
mod follower;
mod keeper;
mod peers;
mod refusal;
mod service;
mod store;
mod telemetry;
mod url;
mod vow;

pub use authority::{Authority, StartError, run};
pub use client::ClientError;
pub use config::{Config, ConfigError, Peer};
pub use core::Core;
pub use descriptors::{Change, Descriptors};
pub use follower::{AcceptError, FetchError, Follower, PublishError};
pub use refusal::{NoDraft, Reluctance};
pub use store::{Store, StoreError};
pub use url::{BaseUrl, BaseUrlError};
pub use vow::{Published, Signed, Vow};
