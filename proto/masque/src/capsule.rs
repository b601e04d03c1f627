//! The capsules of a request's stream (RFC 9297 §3). Of those, DATAGRAM carries what a QUIC datagram would; all others are
//! unknown here, and skipped as the RFC asks.

use bytes::{Buf as _, Bytes, BytesMut};
use quinn::VarInt;
use quinn_proto::coding::Codec as _;

use crate::{LARGEST_PAYLOAD, datagram};

/// The type of a DATAGRAM capsule.
const DATAGRAM: u64 = 0;
/// The longest number: eight bytes each for type and length.
const LONGEST_HEADER: usize = 16;
/// Payload and context ID.
const LARGEST_DATAGRAM: u64 = LARGEST_PAYLOAD as u64 + 8;

/// Why a stream of capsules cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapsuleError {
    /// No UDP packet is so large.
    #[error("capsule: length {0}: too large for a datagram")]
    TooLarge(u64),
    /// It ends within a capsule.
    #[error("capsule: the stream ends within one")]
    Truncated,
}

/// Reads capsules from the pieces that a stream comes in.
#[derive(Debug, Default)]
pub struct Capsules {
    buffer: BytesMut,
    skip: u64,
}

impl Capsules {
    /// Takes a piece and says which UDP payloads are complete. What is kept is bounded by the largest datagram.
    ///
    /// # Errors
    /// If a capsule makes no sense; then the stream is of no use any more.
    pub fn push(&mut self, mut piece: impl bytes::Buf) -> Result<Vec<Bytes>, CapsuleError> {
        let mut found = Vec::new();
        while piece.has_remaining() {
            // A chunk at a time, so that skipped capsules are never kept.
            let chunk = piece.chunk();
            let length = chunk.len();
            self.buffer.extend_from_slice(chunk);
            piece.advance(length);
            self.read(&mut found)?;
        }
        Ok(found)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// If that was within a capsule.
    pub fn end(&self) -> Result<(), CapsuleError> {
        if self.buffer.is_empty() && self.skip == 0 { Ok(()) } else { Err(CapsuleError::Truncated) }
    }

    /// A DATAGRAM capsule with a UDP payload.
    #[must_use]
    pub fn encode(payload: &[u8]) -> Bytes {
        let content = datagram::in_context(payload);
        let mut bytes = BytesMut::with_capacity(LONGEST_HEADER + content.len());
        VarInt::from_u32(DATAGRAM as u32).encode(&mut bytes);
        VarInt::try_from(content.len()).unwrap_or(VarInt::MAX).encode(&mut bytes);
        bytes.extend_from_slice(&content);
        bytes.freeze()
    }

    fn read(&mut self, found: &mut Vec<Bytes>) -> Result<(), CapsuleError> {
        loop {
            let skipped = self.skip.min(self.buffer.len() as u64);
            self.buffer.advance(skipped as usize);
            self.skip -= skipped;
            let mut rest = &self.buffer[..];
            let (Ok(kind), Ok(length)) = (VarInt::decode(&mut rest), VarInt::decode(&mut rest)) else { return Ok(()) };
            let (header, length) = (self.buffer.len() - rest.len(), length.into_inner());
            if kind.into_inner() != DATAGRAM {
                self.buffer.advance(header);
                self.skip = length;
                continue;
            }
            if length > LARGEST_DATAGRAM {
                return Err(CapsuleError::TooLarge(length));
            }
            if (rest.len() as u64) < length {
                return Ok(());
            }
            self.buffer.advance(header);
            let content = self.buffer.split_to(length as usize).freeze();
            // Unknown contexts are dropped, like those of QUIC datagrams.
            found.extend(datagram::payload(content));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_capsules_are_skipped() {
        let mut capsules = Capsules::default();
        let mut bytes = vec![0x17, 3, 1, 2, 3];
        bytes.extend_from_slice(&Capsules::encode(b"one"));
        bytes.extend_from_slice(&[0, 2, 7, 7]); // a datagram of an unknown context
        bytes.extend_from_slice(&Capsules::encode(b""));
        assert_eq!(capsules.push(&bytes[..]), Ok(vec![Bytes::from_static(b"one"), Bytes::new()]));
        assert_eq!(capsules.end(), Ok(()));
        assert_eq!(capsules.push(&[0x17, 0x80][..]), Ok(vec![]));
        assert_eq!(capsules.end(), Err(CapsuleError::Truncated));
    }

    #[test]
    fn a_datagram_larger_than_any_is_refused() {
        assert_eq!(Capsules::default().push(&[0, 0x80, 1, 0, 0][..]), Err(CapsuleError::TooLarge(65536)));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..8),
            cuts in proptest::collection::vec(1..40usize, 0..40),
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| {
                [Bytes::from_static(&[0x29, 2, 0, 0]), Capsules::encode(payload)].concat()
            }).collect();
            let (mut capsules, mut found, mut rest) = (Capsules::default(), Vec::new(), &bytes[..]);
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                found.extend(capsules.push(piece).unwrap());
                rest = tail;
            }
            found.extend(capsules.push(rest).unwrap());
            prop_assert_eq!(found, payloads);
            prop_assert_eq!(capsules.end(), Ok(()));
        }

        #[test]
        fn no_bytes_panic_or_pile_up(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let mut capsules = Capsules::default();
            for piece in pieces {
                if capsules.push(&piece[..]).is_err() {
                    return Ok(());
                }
                prop_assert!(capsules.buffer.len() as u64 <= LARGEST_DATAGRAM + LONGEST_HEADER as u64);
            }
        }
    }
}
