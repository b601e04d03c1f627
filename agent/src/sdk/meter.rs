//! What quinn's statistics say about a connection that hops: packets, the application's data, how long validation took. Pure.

use std::time::{Duration, Instant};

use quinn::ConnectionStats;

/// So many STREAM frames after a hop are its padding.
const PADDING_FRAMES: u64 = 3;
/// For so long.
const PADDING_TIME: Duration = Duration::from_millis(2);
/// The least size of a datagram with PATH_CHALLENGE or PATH_RESPONSE (RFC 9000 §8.2), bytes.
const PROBE: u64 = 1200;

/// What happened since one looked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Datagrams in both directions.
    pub(crate) packets: u64,
    /// The application's data went out.
    pub(crate) sent: bool,
    /// The application's data came in.
    pub(crate) received: bool,
}

/// Looks at the statistics of one connection.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    packets: u64,
    sent: u64,
    received: u64,
    challenges: u64,
    padding: Option<(Instant, u64)>,
    /// When the connection hopped, if the server has not asked for validation since.
    unvalidated: Option<Instant>,
    validations: u64,
    validation_time: Duration,
}

impl Meter {
    /// Looks at `stats`.
    pub(crate) fn observe(&mut self, now: Instant, stats: &ConnectionStats) -> Seen {
        let packets = packets(stats);
        let sent = stats.frame_tx.stream + stats.frame_tx.datagram;
        let received = stats.frame_rx.stream + stats.frame_rx.datagram;
        let mut new_sent = sent.saturating_sub(self.sent);
        if let Some((until, frames)) = &mut self.padding {
            let padding = new_sent.min(*frames);
            new_sent -= padding;
            *frames -= padding;
            if now >= *until {
                self.padding = None;
            }
        }
        // What comes sooner belongs to the hop before.
        let possible = stats.path.min_rtt / 2;
        if stats.frame_rx.path_challenge > self.challenges
            && let Some(time) = self.unvalidated.map(|hopped| now.saturating_duration_since(hopped))
            && time >= possible
        {
            self.unvalidated = None;
            self.validations += 1;
            self.validation_time += time;
        }
        let seen = Seen {
            packets: packets.saturating_sub(self.packets),
            sent: new_sent > 0,
            received: received > self.received,
        };
        (self.packets, self.sent, self.received) = (packets, sent, received);
        self.challenges = stats.frame_rx.path_challenge;
        seen
    }

    /// The connection hopped just now, with padding or without.
    pub(crate) fn hopped(&mut self, now: Instant, padded: bool) {
        self.unvalidated = Some(now);
        self.padding = padded.then_some((now + PADDING_TIME, PADDING_FRAMES));
    }

    /// Hops after which the server's PATH_CHALLENGE came, and how long that took, all together.
    pub(crate) fn validations(&self) -> (u64, Duration) {
        (self.validations, self.validation_time)
    }
}

/// Datagrams in both directions.
pub(crate) fn packets(stats: &ConnectionStats) -> u64 {
    stats.udp_tx.datagrams + stats.udp_rx.datagrams
}

/// Bytes of datagrams that validate paths, at most: such a datagram is as large as that, or carries other data as well.
pub(crate) fn probe_bytes(stats: &ConnectionStats) -> u64 {
    let (tx, rx) = (stats.frame_tx, stats.frame_rx);
    PROBE * (tx.path_challenge + tx.path_response + rx.path_challenge + rx.path_response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn padding_is_not_the_applications_data() {
        let (mut meter, mut stats, start) = (Meter::default(), ConnectionStats::default(), Instant::now());
        (stats.udp_tx.datagrams, stats.frame_tx.stream) = (4, 2);
        assert_eq!(meter.observe(start, &stats), Seen { packets: 4, sent: true, received: false });
        assert_eq!(meter.observe(start, &stats), Seen::default());
        meter.hopped(start, true);
        (stats.udp_tx.datagrams, stats.frame_tx.stream) = (6, 4);
        assert_eq!(meter.observe(start, &stats), Seen { packets: 2, sent: false, received: false });
        stats.frame_tx.stream = 6;
        assert!(meter.observe(start + MS, &stats).sent, "more than padding has");
        meter.hopped(start + MS, true);
        meter.observe(start + 4 * MS, &stats);
        stats.frame_tx.stream = 7;
        assert!(meter.observe(start + 5 * MS, &stats).sent, "padding leaves at once");
        meter.hopped(start + 5 * MS, false);
        stats.frame_tx.datagram = 1;
        stats.frame_rx.stream = 1;
        assert_eq!(meter.observe(start + 5 * MS, &stats), Seen { packets: 0, sent: true, received: true });
    }

    #[test]
    fn the_first_challenge_after_a_hop_ends_the_measurement() {
        let (mut meter, mut stats, start) = (Meter::default(), ConnectionStats::default(), Instant::now());
        stats.path.min_rtt = 9 * MS;
        meter.observe(start, &stats);
        meter.hopped(start, false);
        stats.frame_rx.path_challenge = 10;
        meter.observe(start + 2 * MS, &stats);
        stats.frame_rx.path_challenge = 11;
        meter.observe(start + 10 * MS, &stats);
        stats.frame_rx.path_challenge = 12;
        meter.observe(start + 20 * MS, &stats);
        assert_eq!(meter.validations(), (1, 10 * MS));
    }
}
