//! What comes back in a fragment's reply block. It is not sealed: the block's own keys encrypt it, and only who got the block can answer with it.
//!
//! ```text
//! payload = zeros 16 ‖ message 16 ‖ index 2 ‖ complete 1 ‖ zeros        (numbers big-endian)
//! ```
//!
//! The block's wide-block cipher turns whatever was changed into random bytes, of which 2^-128 begin with the zeros.

use mimiq_sphinx::Geometry;

use crate::{MessageId, Piece};

const CHECK: usize = 16;
const LENGTH: usize = CHECK + 16 + 2 + 1;

/// Says that a fragment arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Which.
    pub piece: Piece,
    /// Whether the recipient has the whole message. If not, this saves sending the fragment again, and promises nothing.
    pub complete: bool,
}

impl Acknowledgement {
    /// The payload to reply with ([`mimiq_sphinx::reply`]).
    #[must_use]
    pub fn payload(&self, geometry: &Geometry) -> Vec<u8> {
        let mut payload = Vec::with_capacity(geometry.payload_len());
        payload.extend([0; CHECK]);
        payload.extend(self.piece.message.0);
        payload.extend(self.piece.index.to_be_bytes());
        payload.push(self.complete.into());
        payload.resize(geometry.payload_len(), 0);
        payload
    }

    /// From a payload that the block's keys have opened ([`mimiq_sphinx::ReplyKeys::open`]). None if it was changed on the way.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [head @ .., i0, i1, complete] = payload.first_chunk::<LENGTH>()?;
        let (check, message) = head.split_first_chunk::<CHECK>()?;
        if *check != [0; CHECK] || *complete > 1 {
            return None;
        }
        let message = MessageId(message.try_into().ok()?);
        Some(Self { piece: Piece { message, index: u16::from_be_bytes([*i0, *i1]) }, complete: *complete == 1 })
    }
}
