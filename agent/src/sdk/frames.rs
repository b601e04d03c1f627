//! The frames of a packet (RFC 9000 §19), as far as they say whether a path is validated. Pure.

use std::ops::RangeInclusive;

use quinn::VarInt;
use quinn_proto::coding::Codec as _;

/// What PATH_CHALLENGE and its answer have in common.
pub(crate) type Token = [u8; 8];

/// Length of a stateless reset token, bytes.
const RESET_TOKEN: usize = 16;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// PATH_CHALLENGE.
    Challenge(Token),
    /// PATH_RESPONSE.
    Response(Token),
    /// ACK, of these packet numbers.
    Acks(Vec<RangeInclusive<u64>>),
    /// Another one.
    Other,
}

/// Goes through a packet's payload. Ends at its end, at what is malformed, and at frames of extensions: their length is not known.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(crate) fn of(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    fn number(&mut self) -> Option<u64> {
        VarInt::decode(&mut self.rest).ok().map(VarInt::into_inner)
    }

    fn numbers(&mut self, count: usize) -> Option<Frame> {
        (0..count).try_for_each(|_| self.number().map(drop))?;
        Some(Frame::Other)
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Bytes behind their length.
    fn bytes(&mut self) -> Option<Frame> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)?;
        Some(Frame::Other)
    }

    fn skip_rest(&mut self) -> Frame {
        self.rest = &[];
        Frame::Other
    }

    fn token(&mut self) -> Option<Token> {
        self.take(8)?.try_into().ok()
    }

    fn acks(&mut self, counts: bool) -> Option<Frame> {
        let (mut largest, _delay, more, first) = (self.number()?, self.number()?, self.number()?, self.number()?);
        let mut smallest = largest.checked_sub(first)?;
        let mut ranges = vec![smallest..=largest];
        for _ in 0..more {
            let (gap, length) = (self.number()?, self.number()?);
            largest = smallest.checked_sub(gap)?.checked_sub(2)?;
            smallest = largest.checked_sub(length)?;
            ranges.push(smallest..=largest);
        }
        if counts {
            self.numbers(3)?;
        }
        Some(Frame::Acks(ranges))
    }

    fn read(&mut self) -> Option<Frame> {
        let kind = self.number()?;
        match kind {
            // PADDING, PING, HANDSHAKE_DONE, and IMMEDIATE_ACK of an extension that quinn speaks.
            0x00 | 0x01 | 0x1e | 0x1f => Some(Frame::Other),
            0x02 | 0x03 => self.acks(kind == 0x03),
            // RESET_STREAM; STOP_SENDING; CRYPTO; NEW_TOKEN.
            0x04 => self.numbers(3),
            0x05 => self.numbers(2),
            0x06 => self.numbers(1).and_then(|_| self.bytes()),
            0x07 => self.bytes(),
            // STREAM, with an offset (4) and a length (2) or without.
            0x08..=0x0f => {
                self.numbers(if kind & 4 == 0 { 1 } else { 2 })?;
                if kind & 2 == 0 { Some(self.skip_rest()) } else { self.bytes() }
            }
            // MAX_STREAM_DATA, STREAM_DATA_BLOCKED; the other limits; RETIRE_CONNECTION_ID.
            0x11 | 0x15 => self.numbers(2),
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => self.numbers(1),
            // NEW_CONNECTION_ID.
            0x18 => {
                self.numbers(2)?;
                let length = usize::from(*self.take(1)?.first()?);
                self.take(length + RESET_TOKEN).map(|_| Frame::Other)
            }
            0x1a => self.token().map(Frame::Challenge),
            0x1b => self.token().map(Frame::Response),
            // CONNECTION_CLOSE; DATAGRAM (RFC 9221).
            0x1c => self.numbers(2).and_then(|_| self.bytes()),
            0x1d => self.numbers(1).and_then(|_| self.bytes()),
            0x30 => Some(self.skip_rest()),
            0x31 => self.bytes(),
            _ => None,
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let frame = self.read();
        if frame.is_none() {
            self.rest = &[];
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_found_behind_others() {
        let payload = [
            &[0x00, 0x01][..],
            &[0x03, 20, 0, 1, 2, 3, 4, 0, 0, 1], // 18..=20, 9..=13, and ECN counts
            &[0x04, 0, 1, 2, 0x05, 0, 1, 0x06, 0, 1, 9], // RESET_STREAM, STOP_SENDING, CRYPTO
            &[0x07, 2, 9, 9, 0x0a, 0, 1, 9],     // NEW_TOKEN, STREAM with a length
            &[0x0e, 0, 5, 1, 9, 0x10, 1, 0x11, 1, 2], // STREAM with an offset, MAX_DATA, MAX_STREAM_DATA
            &[0x18, 1, 0, 4, 1, 2, 3, 4],
            &[7; 16],
            &[0x19, 1, 0x1e, 0x31, 1, 9],
            &[0x1a, 1, 2, 3, 4, 5, 6, 7, 8, 0x1b, 8, 7, 6, 5, 4, 3, 2, 1],
            &[0x08, 0, 0x1a, 0, 0, 0, 0, 0, 0, 0, 0], // STREAM to the end
        ]
        .concat();
        let found: Vec<_> = Frames::of(&payload).filter(|frame| *frame != Frame::Other).collect();
        let acks = Frame::Acks(vec![18..=20, 9..=13]);
        assert_eq!(
            found,
            [acks, Frame::Challenge([1, 2, 3, 4, 5, 6, 7, 8]), Frame::Response([8, 7, 6, 5, 4, 3, 2, 1])]
        );
        assert_eq!(Frames::of(&payload).count(), 18);
        assert_eq!(Frames::of(&[0x02, 1, 0, 0, 2]).count(), 0, "acknowledges a number below zero");
        assert_eq!(Frames::of(&[0x21, 0x01]).count(), 0, "of an extension");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            Frames::of(&payload).for_each(drop);
        }
    }
}
