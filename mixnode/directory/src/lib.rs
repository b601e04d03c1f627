//! The state of a Loopix network: nodes, layers, keys by epoch, rates (Loopix §3.1, Table 2).
//!
//! Several authorities sign the same text; whoever trusts k of n of them opens it with [`Trust::open`] and gets a [`Directory`], or a
//! refusal that names the field and its value. Nothing else makes one, so what a program holds has been checked.
//!
//! A node makes its keys ahead ([`KeyRing`]) and signs a [`Descriptor`]; from the same descriptors and the same [`Policy`] every honest authority
//! composes the same text ([`compose`]). Pure but for the files of keys ([`KeyFiles`], [`SigningKey::read`]): the time is an argument (seconds since 1970), and where the bytes come from
//! is the caller's.

mod check;
mod compose;
mod descriptor;
mod directory;
mod envelope;
mod folders;
mod hex;
mod key_files;
mod key_ring;
mod policy;
mod routes;
mod signing;
mod signing_file;
mod state;
mod trust;
mod unfit;

pub use check::{BadLink, Inconsistent, MOST_COVER};
pub use compose::{ComposeError, Composition, compose};
pub use descriptor::{Descriptor, DescriptorError, Statement};
pub use directory::Directory;
pub use envelope::{Envelope, Signature};
pub use folders::{make_folder, sync_folder_of};
pub use hex::{Hex32, Hex64, HexError};
pub use key_files::{KeyFileError, KeyFiles};
pub use key_ring::{KeyRing, Schedule, ScheduleError};
pub use policy::{AdmittedProvider, Place, Policy, PolicyError};
pub use routes::Routes;
pub use signing::SigningKey;
pub use state::{Epochs, KeyOf, Node, Packet, Rates, Role, State};
pub use trust::{Refused, Seen, Trust, TrustError};
pub use unfit::Unfit;
