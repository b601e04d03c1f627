//! The exit: a proxy over HTTP/3 through which applications that know nothing of mimiq reach the Internet. Clients' connections
//! to it hop; what leaves it comes from the exit's own address.
//!
//! TCP goes through CONNECT (RFC 9114 §4.4), UDP through CONNECT-UDP (RFC 9298). A bearer token says who asks.

mod connection;
mod dial;
mod limits;
mod request;
mod server;
mod tcp;
mod udp;

pub mod config;
pub mod destination;
pub mod refusal;
pub mod telemetry;
pub mod tls;
pub mod users;

pub use server::{Exit, ExitError};
