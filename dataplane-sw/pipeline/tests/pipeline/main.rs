//! The pipeline from outside: frames made with etherparse in, verdicts and frames out. One file per behaviour.

#![allow(clippy::unwrap_used, clippy::panic)] // All of this crate is tests.

mod arp;
mod control_relay;
mod counters;
mod decap;
mod delivery;
mod frames;
mod hop_limit;
mod icmp_errors;
mod malformed;
mod mtu;
mod neighbour;
mod not_forwardable;
mod pools;
mod properties;
mod publication;
mod reasons;
mod relay_return;
mod routes;
mod source_guard;
mod switch;
mod tables;
mod upstream;
