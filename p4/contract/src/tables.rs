//! The tables, one a file (IPv4 and IPv6 variants together), with typed keys and actions.

mod alias;
mod binding;
mod client;
mod control_relay;
mod decap;
mod denied_source;
mod egress_role;
mod gateway;
mod pool;
mod port_role;
mod route;
mod source_guard;
mod switch_info;

pub use alias::*;
pub use binding::*;
pub use client::*;
pub use control_relay::*;
pub use decap::*;
pub use denied_source::*;
pub use egress_role::*;
pub use gateway::*;
pub use pool::*;
pub use port_role::*;
pub use route::*;
pub use source_guard::*;
pub use switch_info::*;
