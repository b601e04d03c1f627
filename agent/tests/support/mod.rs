//! Real parts for the tests: an agent on a Unix socket, an HTTP/3 server, a relay that sees what an observer sees.
//! Addresses are of 127.0.0.0/8, which Linux takes for its own without any set-up.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod agent;
pub(crate) mod caddy;
pub(crate) mod relay;
pub(crate) mod rough;
pub(crate) mod s2n;
pub(crate) mod server;
