//! mimiq's controller: the allocation server that gives clients addresses, and the SDN controller that keeps the
//! switches' tables as those addresses need them (MIMIQ §3.2, §3.3).
//!
//! ```text
//! agent ══ QUIC in wrapped frames ══▶ relay ──▶ service ──▶ allocator ──▶ p4rt ══ P4Runtime ══▶ switches
//!                                                             │  ▲
//!                                           addressing's pool ◀──┘ deadlines, alias epochs
//! ```
//!
//! Properties that hold here: **rules-before-reply** (a client hears of an address after its switch has taken the rules,
//! and the edge switches know the alias before any address has it), **no-collision** (an address is free again only
//! after its switch confirmed that the rules are gone), **quiet-logs**.

mod admin;
pub mod advise;
pub mod allocator;
pub mod config;
mod controller;
pub mod http;
mod live;
pub mod network;
pub mod p4rt;
pub mod pki;
pub mod relay;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;

pub use admin::AdminError;
pub use controller::{Controller, StartError};
pub use live::{Live, ReloadError};
