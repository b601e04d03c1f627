use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::config::v1::P4Info;

const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Why a p4info in protobuf text format could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The text is no p4info; says where.
    #[error("p4info: {0}")]
    Parse(#[from] prost_reflect::text_format::ParseError),
    /// The interface's own description is damaged.
    #[error("descriptors: {0}")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// The interface's own description lacks the message.
    #[error("descriptors: p4.config.v1.P4Info is missing")]
    NoP4Info,
    /// The interface's description and its generated code differ.
    #[error("p4info: {0}")]
    Decode(#[from] prost::DecodeError),
}

/// Reads a p4info in protobuf text format, as compilers write it.
///
/// # Errors
/// If the text is no p4info; the message says where.
pub fn p4info_from_text(text: &str) -> Result<P4Info, TextError> {
    let pool = DescriptorPool::decode(DESCRIPTORS)?;
    let descriptor = pool.get_message_by_name("p4.config.v1.P4Info").ok_or(TextError::NoP4Info)?;
    let message = DynamicMessage::parse_text_format(descriptor, text)?;
    Ok(P4Info::decode(message.encode_to_vec().as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tables_and_names_the_place_of_an_error() {
        let p4info = p4info_from_text("tables { preamble { id: 7 alias: \"client\" } size: 16 }").unwrap();
        assert_eq!((p4info.tables[0].preamble.as_ref().unwrap().id, p4info.tables[0].size), (7, 16));
        let error = p4info_from_text("tables { no_such_field: 1 }").unwrap_err().to_string();
        assert!(error.contains("no_such_field"), "{error}");
    }
}
