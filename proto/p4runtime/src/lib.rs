//! P4Runtime v1 (<https://p4.org/specs/>): the messages, the client and the server, generated from the interface
//! files in `proto/` without an installed protoc.

mod bytes;
mod text;

pub use bytes::{BytesClient, BytesCodec};
pub use google::rpc;
pub use p4::{config, v1};
pub use text::{TextError, p4info_from_text};

/// The `FileDescriptorSet` of the interface files, encoded: what reflection (text format, tests) is built from.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

mod p4 {
    /// `p4.v1`: the P4Runtime service and its messages.
    pub mod v1 {
        tonic::include_proto!("p4.v1");
    }

    /// `p4.config`: the description of P4 programs.
    pub mod config {
        /// `p4.config.v1`: p4info.
        pub mod v1 {
            tonic::include_proto!("p4.config.v1");
        }
    }
}

mod google {
    /// `google.rpc`: the error model.
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}
