//! Padding that gives the server credit on a new path.

use futures::FutureExt as _;

/// Two full packets of 1200 bytes, less their headers and tags, bytes: room for a reply of three times that (RFC 9000 §8.1).
const AMOUNT: usize = 2300;

/// How to fill packets after a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Not at all: the reply after a hop may wait for path validation.
    None,
    /// For servers that speak HTTP/3: a unidirectional stream of a reserved type, which they discard (RFC 9114 §6.2.3).
    Http3,
}

impl Padding {
    /// Queues padding, and says how many bytes. Without stream or flow-control credit there is none.
    pub(crate) fn send(self, connection: &quinn::Connection) -> usize {
        if self == Self::None {
            return 0;
        }
        let Some(Ok(mut stream)) = connection.open_uni().now_or_never() else { return 0 };
        let mut bytes = vec![0; AMOUNT];
        rand::fill(bytes.as_mut_slice());
        // 0x1f × N + 0x21 as a varint of four bytes.
        let kind = 0x1f * rand::random_range(0..0x00ff_ffffu32) + 0x21;
        bytes[..4].copy_from_slice(&(kind | 0x8000_0000).to_be_bytes());
        // Urgent data goes first.
        let _ = stream.set_priority(-1);
        let written = stream.write(&bytes).now_or_never();
        let _ = stream.finish();
        written.and_then(Result::ok).unwrap_or(0)
    }
}
