//! Sizes.

use crate::wire::{BETA, BLOCK};

/// The sizes of all packets of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    hops: usize,
    payload: usize,
}

/// Sizes that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// Between one and [`Geometry::MOST_HOPS`].
    #[error("hops: {0} is not between 1 and {most}", most = Geometry::MOST_HOPS)]
    Hops(usize),
    /// Between [`Geometry::LEAST_PAYLOAD`] and [`Geometry::MOST_PAYLOAD`] bytes.
    #[error("payload: {0} bytes are not between {least} and {most}", least = Geometry::LEAST_PAYLOAD, most = Geometry::MOST_PAYLOAD)]
    Payload(usize),
}

impl Geometry {
    /// The longest path.
    pub const MOST_HOPS: usize = 10;
    /// The smallest payload, bytes: the wide-block cipher needs more than its 32 bytes on the left.
    pub const LEAST_PAYLOAD: usize = 64;
    /// The largest payload, bytes.
    pub const MOST_PAYLOAD: usize = 60_000;

    /// Packets for paths of up to so many hops (the mixes, and a provider at each end) with so many bytes of payload.
    ///
    /// # Errors
    /// If one of the two is out of its range.
    pub fn new(hops: usize, payload: usize) -> Result<Self, GeometryError> {
        if hops == 0 || hops > Self::MOST_HOPS {
            return Err(GeometryError::Hops(hops));
        }
        if !(Self::LEAST_PAYLOAD..=Self::MOST_PAYLOAD).contains(&payload) {
            return Err(GeometryError::Payload(payload));
        }
        Ok(Self { hops, payload })
    }

    /// The longest path.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.hops
    }

    /// Bytes of payload.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload
    }

    /// Bytes of header.
    #[must_use]
    pub fn header_len(&self) -> usize {
        BETA + self.beta_len()
    }

    /// Bytes of a packet.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        self.header_len() + self.payload
    }

    /// Bytes of a reply block: first hop, header, payload key.
    #[must_use]
    pub fn surb_len(&self) -> usize {
        16 + self.header_len() + 32
    }

    pub(crate) fn beta_len(&self) -> usize {
        self.hops * BLOCK
    }
}

impl Default for Geometry {
    /// Five hops (provider, three mixes, provider) and 901 bytes: a packet of 1,136 bytes fits a QUIC datagram wherever QUIC
    /// does (RFC 9000 §14: 1,200 bytes of UDP payload).
    fn default() -> Self {
        Self { hops: 5, payload: 901 }
    }
}
