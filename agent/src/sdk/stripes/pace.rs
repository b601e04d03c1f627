//! How much to ask for ahead: enough to keep the path full, and not so much that the servers' slow starts after each change of
//! address overrun its buffers. A server cannot send what nobody asked for. Pure.

use std::time::{Duration, Instant};

use super::pieces::PIECE;

/// All lanes together ask for so many times what the path carries in a round trip: once is on the way; the rest may be with lanes
/// that have just changed their address, and waits there until their windows have grown.
const GAIN: u64 = 8;
/// One lane asks for so many times what came to it in a round trip: a window may double until a request is answered, and once more.
const AHEAD: u64 = 4;
/// But for no more than this share of what the path carries beyond what came to it: a large window that doubles once more overruns the
/// path's buffer, and the losses are everyone's.
const SURPLUS: u64 = 4;
/// What is asked for at least, bytes: the window of a new connection may double four times before one knows more.
const LEAST: u64 = 256 << 10;

/// Of all lanes together.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    bytes: u64,
    /// The most that came in a round trip, lately.
    most: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, most: 0 }
    }

    /// So many bytes came.
    pub(super) fn came(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// How much may be asked for and not there, bytes.
    pub(super) fn limit(&mut self, now: Instant, round_trip: Duration) -> u64 {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= round_trip && !elapsed.is_zero() {
            let share = round_trip.as_secs_f64() / elapsed.as_secs_f64();
            let came = (self.bytes as f64 * share) as u64;
            // A path that became slower is believed after some twenty round trips.
            self.most = came.max(self.most - self.most / 16);
            (self.since, self.bytes) = (now, 0);
        }
        LEAST.max(GAIN * self.most.max(self.bytes))
    }

    /// How much one lane may have asked for, bytes, if so much came to it in a round trip: its server's window can grow no further.
    pub(super) fn share(&self, came: u64) -> u64 {
        PIECE + (AHEAD * came).min(came + self.most.max(self.bytes) / SURPLUS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    #[test]
    fn it_follows_what_comes() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.limit(start, ROUND_TRIP), LEAST);
        pace.came(400_000);
        assert_eq!(pace.limit(start + ROUND_TRIP / 2, ROUND_TRIP), GAIN * 400_000, "it grows at once");
        assert_eq!(pace.limit(start + ROUND_TRIP * 2, ROUND_TRIP), GAIN * 200_000, "in each of two");
        pace.came(400_000);
        assert_eq!(pace.limit(start + ROUND_TRIP * 3, ROUND_TRIP), GAIN * 400_000);
        assert_eq!(pace.limit(start + ROUND_TRIP * 4, ROUND_TRIP), GAIN * 375_000, "nothing came, which may be chance");
        assert_eq!(pace.share(0), PIECE, "a lane that has just hopped");
        assert_eq!(pace.share(20_000), PIECE + AHEAD * 20_000, "a window that is to grow");
        assert_eq!(pace.share(300_000), PIECE + 300_000 + 375_000 / SURPLUS, "one that fills the path");
        let later = (5..90).map(|n| pace.limit(start + ROUND_TRIP * n, ROUND_TRIP)).last();
        assert_eq!(later, Some(LEAST));
    }
}
