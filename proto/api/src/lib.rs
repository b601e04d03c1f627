//! The messages between agent and controller ([`allocation`]) and between agent and applications ([`local`]).

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
