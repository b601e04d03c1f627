//! The messages between agent and controller ([`allocation`]), between agent and applications ([`local`]), and between
//! operators and controller (`admin`, with the feature of that name).

pub mod framing;

/// `mimiq.allocation.v1`: the allocation protocol. Its file says how messages travel.
#[allow(missing_docs)]
pub mod allocation {
    include!(concat!(env!("OUT_DIR"), "/mimiq.allocation.v1.rs"));

    /// The ALPN of the allocation protocol.
    pub const ALPN: &[u8] = b"mimiq-alloc/1";
    /// The largest message either side accepts, bytes.
    pub const MAX_MESSAGE: usize = 64 * 1024;
}

/// `mimiq.local.v1`: the agent's interface to applications. Its file says how messages travel.
#[allow(missing_docs)]
pub mod local {
    include!(concat!(env!("OUT_DIR"), "/mimiq.local.v1.rs"));
}

/// `mimiq.admin.v1`: the controller's interface for operators.
#[cfg(feature = "admin")]
#[allow(missing_docs)]
pub mod admin {
    include!(concat!(env!("OUT_DIR"), "/mimiq.admin.v1.rs"));

    /// The interface's description (google.protobuf.FileDescriptorSet), for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.bin"));
    /// The port that the configuration's example and `mimiqctl` use.
    pub const PORT: u16 = 9572;
}
