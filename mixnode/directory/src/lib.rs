//! The state of a Loopix network: nodes, layers, keys by epoch, rates (Loopix §3.1, Table 2).
//!
//! Several authorities sign the same text; whoever trusts k of n of them opens it with [`Trust::open`] and gets a [`Directory`], or a
//! refusal that names the field and its value. Nothing else makes one, so what a program holds has been checked. Pure: the time is an argument
//! (seconds since 1970), and where the bytes come from is the caller's.

mod check;
mod directory;
mod envelope;
mod hex;
mod state;
mod trust;

pub use check::Inconsistent;
pub use directory::Directory;
pub use envelope::{Envelope, Signature, SigningKey};
pub use hex::{Hex32, Hex64, HexError};
pub use state::{Epochs, KeyOf, Node, Packet, Rates, Role, State};
pub use trust::{Refused, Seen, Trust, TrustError};
