//! The contract between controller and switches: the p4info, one typed table a file, the drop reasons and the relay
//! header. Both sides use this crate, so neither repeats an ID or a width.

mod entry;
mod error;
mod field;
mod macros;
mod reason;
pub mod relay;
mod schema;
pub mod tables;
pub mod wellknown;
pub mod wire;

pub use entry::{Entry, EntryKey};
pub use error::EntryError;
pub use field::{MacAddr, MatchField, MatchType, ParamField, PortId, Prefix, Role, canonical};
pub use reason::DropReason;
pub use schema::{ActionSchema, FieldSchema, TableSchema};

/// Stable IDs of tables, actions and counters, taken from the p4info at build time.
pub mod ids {
    include!(concat!(env!("OUT_DIR"), "/ids.rs"));
}

/// The p4info of mimiq's pipeline in protobuf text format.
pub const P4INFO_TEXT: &str = include_str!("../../mimiq.p4info.txtpb");
