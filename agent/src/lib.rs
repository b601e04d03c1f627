//! The client's side of MIMIQ: the agent, a daemon that keeps a stock of addresses, and [`sdk`], which moves QUIC
//! connections from one to the next.

pub mod address;
pub mod config;
pub mod daemon;
pub mod get;
pub mod local;
pub mod netlink;
pub mod proxy;
pub mod reply;
pub mod sdk;
pub mod session;
pub mod stock;
pub mod telemetry;
