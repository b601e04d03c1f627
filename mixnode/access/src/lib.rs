//! How clients reach their provider (Loopix §3.2 "Message storing and retrieving", §4.1.2): accounts and inboxes at the provider, and the two ends of
//! the connection in between.
//!
//! A client has one QUIC connection ([`Access`] at the provider, [`Client`] at the client), on which all looks the same whatever it does: packets are
//! datagrams of one size; a pull is answered after a fixed time with a fixed number of bytes, in which messages and dummies can be told apart by the two ends alone. It
//! hides the fetching of the network's state as well. Messages wait in a [`Store`] until their recipient has said that it has them.

mod account;
mod admission;
mod bucket;
mod client;
pub mod codes;
mod config;
mod connection;
mod constant_rate;
mod frames;
mod inbox;
mod places;
mod quic;
mod server;
mod shape;
pub mod telemetry;
mod tls;

pub use account::{AccountId, Token};
pub use client::{Client, ClientError};
pub use config::{AccessConfig, ConfigError, InboxLimits, Limits, Registration};
pub use constant_rate::ConstantRate;
pub use frames::{Malformed, Pull, Refusal};
pub use inbox::{DeliverError, Message, Registered, Store, Unavailable};
pub use quic::client_quic;
pub use server::{Access, Published, StartError};
pub use shape::Shape;
pub use tls::client_tls;
