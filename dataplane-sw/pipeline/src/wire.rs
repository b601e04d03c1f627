//! Wire formats by fixed offsets. No function here panics, whatever the bytes: a parser returns nothing, or the reason for
//! the drop, if they are too few or malformed; offsets are checked against array lengths at compile time.

pub(crate) mod arp;
pub(crate) mod checksum;
pub(crate) mod ethernet;
mod field;
pub(crate) mod icmp;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
pub(crate) mod nd;
pub(crate) mod udp;
