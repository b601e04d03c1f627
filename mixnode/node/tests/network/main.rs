//! Whole networks of nodes on loopback: real sockets, real keys and logs.

mod metrics;
mod relaying;
mod rotation;
mod setup;
