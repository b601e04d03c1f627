//! HTTP datagrams in QUIC datagrams (RFC 9297 §2.1), with the context ID in front that RFC 9298 §4 asks for.

use bytes::{Buf as _, Bytes, BytesMut};
use quinn::VarInt;
use quinn_proto::coding::Codec as _;

/// UDP payloads (RFC 9298 §5). No other context is ever registered here.
const UDP_PAYLOAD: u64 = 0;

/// Why a QUIC datagram is no HTTP datagram that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It ends within a number.
    #[error("datagram: ends within its header")]
    Short,
    /// No stream has such an ID; an error of the connection.
    #[error("datagram: quarter stream ID {0}: too large")]
    StreamId(u64),
    /// A context that nobody registered: to be dropped.
    #[error("datagram: context ID {0}: unknown")]
    Context(u64),
}

/// The payload of a UDP packet that belongs to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The request's stream.
    pub stream: u64,
    /// What the UDP packet carries.
    pub payload: Bytes,
}

impl Datagram {
    /// The content of a QUIC datagram.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(9 + self.payload.len());
        // Stream IDs are below 2^62.
        VarInt::from_u64(self.stream / 4).unwrap_or(VarInt::MAX).encode(&mut bytes);
        bytes.extend_from_slice(&in_context(&self.payload));
        bytes.freeze()
    }

    /// Reads the content of a QUIC datagram.
    ///
    /// # Errors
    /// If it is no HTTP datagram with a UDP payload.
    pub fn decode(mut bytes: Bytes) -> Result<Self, DatagramError> {
        let quarter = VarInt::decode(&mut bytes).map_err(|_| DatagramError::Short)?.into_inner();
        if quarter >= 1 << 60 {
            return Err(DatagramError::StreamId(quarter));
        }
        Ok(Self { stream: quarter * 4, payload: payload(bytes)? })
    }
}

/// A UDP payload with its context ID, as HTTP datagrams carry it.
pub(crate) fn in_context(payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + payload.len());
    VarInt::from_u32(UDP_PAYLOAD as u32).encode(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes.freeze()
}

/// What follows the context ID.
pub(crate) fn payload(mut bytes: Bytes) -> Result<Bytes, DatagramError> {
    match VarInt::decode(&mut bytes).map_err(|_| DatagramError::Short)?.into_inner() {
        UDP_PAYLOAD => Ok(bytes.copy_to_bytes(bytes.remaining())),
        other => Err(DatagramError::Context(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wire_format() {
        let datagram = Datagram { stream: 4 * 70, payload: Bytes::from_static(b"hi") };
        assert_eq!(datagram.encode().as_ref(), [0x40, 70, 0, b'h', b'i']);
        assert_eq!(Datagram::decode(Bytes::from_static(&[1, 2, 9])), Err(DatagramError::Context(2)));
        assert_eq!(Datagram::decode(Bytes::from_static(&[1])), Err(DatagramError::Short));
        assert_eq!(Datagram::decode(Bytes::from_static(&[0xff; 9])), Err(DatagramError::StreamId((1 << 62) - 1)));
    }

    proptest! {
        #[test]
        fn round_trip(quarter in 0..1u64 << 60, payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            let datagram = Datagram { stream: quarter * 4, payload: payload.into() };
            prop_assert_eq!(Datagram::decode(datagram.encode()), Ok(datagram));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = Datagram::decode(bytes.into());
        }
    }
}
