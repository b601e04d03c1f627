//! The client's side of MIMIQ: the agent, a daemon that keeps a stock of addresses, and [`sdk`], which moves QUIC
//! connections from one to the next.

pub mod address;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod get;
pub mod journal;
pub mod local;
pub mod netlink;
pub mod outage;
pub mod policy;
pub mod proxy;
pub mod reply;
pub mod sdk;
pub mod session;
pub mod status;
pub mod stock;
pub mod telemetry;
pub mod usage;
