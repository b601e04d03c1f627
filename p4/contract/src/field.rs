//! The values that keys and actions are made of, and how P4Runtime writes them.

mod bytes;
mod mac;
mod matching;
mod port;
mod prefix;
mod value;

pub use bytes::canonical;
pub(crate) use bytes::decode;
pub use mac::MacAddr;
pub use matching::{MatchField, MatchType};
pub use port::{PortId, Role};
pub use prefix::Prefix;
pub use value::ParamField;
