//! What a proxy and its client say to each other besides HTTP/3 itself: HTTP datagrams and capsules (RFC 9297), and where a
//! tunnel leads to (RFC 9114 §4.4, RFC 9298 §3); and how bytes get into a tunnel and out again.

mod capsule;
mod datagram;
mod flows;
mod halves;
mod splice;
mod target;

pub use capsule::{CapsuleError, Capsules};
pub use datagram::{Datagram, DatagramError};
pub use flows::{Flow, FlowError, FlowSender, Flows};
pub use halves::{Receiving, Sending};
pub use splice::{Direction, SpliceError, splice};
pub use target::{Host, Target, TargetError};

/// The largest payload of a UDP packet, bytes.
pub const LARGEST_PAYLOAD: usize = 65_527;
