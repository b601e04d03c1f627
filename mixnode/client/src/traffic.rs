//! When a client sends: one Poisson clock for each stream, and pulls at a fixed rate (Loopix §3.2). Nothing that the user does, and nothing that arrives, moves them.

use mimiq_directory::Rates;
use mimiq_mixing::PoissonClock;
use rand::Rng;

/// After a pause of the machine, so many packets of a stream are sent for what was missed.
const MOST_AT_ONCE: u32 = 4;

/// What a clock asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// λ_P: a packet of the user's, or a drop in its place.
    Payload,
    /// λ_L: a loop.
    Loop,
    /// λ_D: a drop.
    Drop,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Payload, Self::Loop, Self::Drop];

    /// As metrics call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Loop => "loop",
            Self::Drop => "drop",
        }
    }

    fn rate(self, rates: &Rates, cover: f64) -> f64 {
        match self {
            Self::Payload => rates.lambda_p,
            Self::Loop => rates.lambda_l * cover,
            Self::Drop => rates.lambda_d * cover,
        }
    }
}

/// A client's clocks. Times are nanoseconds.
pub(crate) struct Traffic {
    clocks: [PoissonClock; 3],
    /// Between two pulls.
    pull_every: u64,
    next_pull: u64,
    rates: Rates,
    cover: f64,
}

impl Traffic {
    /// Starts now. Rates come from a state that was checked, so that clocks have them.
    pub(crate) fn new(rates: &Rates, now: u64, rng: &mut impl Rng) -> Option<Self> {
        let mut clock = |stream: Stream| PoissonClock::new(stream.rate(rates, 1.0), now, rng).ok();
        let clocks = [clock(Stream::Payload)?, clock(Stream::Loop)?, clock(Stream::Drop)?];
        let pull_every = (1e9 / rates.pull) as u64;
        // Anywhere in the first period: else all clients of a provider that was away would pull in step.
        let next_pull = now.saturating_add(rng.random_range(0..=pull_every));
        Some(Self { clocks, pull_every, next_pull, rates: *rates, cover: 1.0 })
    }

    /// Follows the network's rates, and multiplies cover traffic.
    pub(crate) fn set(&mut self, rates: &Rates, cover: f64, now: u64, rng: &mut impl Rng) {
        if self.rates == *rates && self.cover == cover {
            return;
        }
        for (stream, clock) in Stream::ALL.into_iter().zip(&mut self.clocks) {
            let rate = stream.rate(rates, cover).min(1e6);
            if stream.rate(&self.rates, self.cover) != rate && clock.set_rate(rate, now, rng).is_err() {
                tracing::debug!(rate, "a rate that no clock has");
            }
        }
        self.pull_every = (1e9 / rates.pull) as u64;
        self.next_pull = self.next_pull.min(now.saturating_add(self.pull_every));
        (self.rates, self.cover) = (*rates, cover);
    }

    /// When something is due.
    pub(crate) fn next(&self) -> u64 {
        self.clocks.iter().map(PoissonClock::next).fold(self.next_pull, u64::min)
    }

    /// How many packets of a stream are due now.
    pub(crate) fn due(&mut self, stream: Stream, now: u64, rng: &mut impl Rng) -> u32 {
        self.clocks[stream as usize].fire(now, MOST_AT_ONCE, rng).times
    }

    /// Whether it is time for a pull.
    pub(crate) fn pull(&mut self, now: u64) -> bool {
        let due = now >= self.next_pull;
        if due {
            // In step with the one before, as long as none was missed.
            let next = self.next_pull.saturating_add(self.pull_every);
            self.next_pull = if next > now { next } else { now.saturating_add(self.pull_every) };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rates() -> Rates {
        Rates { mu: 1.0, lambda_p: 5.0, lambda_l: 3.0, lambda_d: 2.0, lambda_m: 1.0, pull: 4.0, messages_per_pull: 8 }
    }

    /// Runs for so many seconds, and counts.
    fn run(traffic: &mut Traffic, from: u64, seconds: u64, rng: &mut ChaCha8Rng) -> ([u32; 3], u32) {
        let (mut sent, mut pulls) = ([0; 3], 0);
        while traffic.next() < from + seconds * 1_000_000_000 {
            let now = traffic.next();
            Stream::ALL.into_iter().for_each(|stream| sent[stream as usize] += traffic.due(stream, now, rng));
            pulls += u32::from(traffic.pull(now));
        }
        (sent, pulls)
    }

    #[test]
    fn each_stream_has_its_rate_and_pulls_are_periodic() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut traffic = Traffic::new(&rates(), 0, rng).unwrap();
        let (sent, pulls) = run(&mut traffic, 0, 10_000, rng);
        for (sent, rate) in sent.into_iter().zip([5.0, 3.0, 2.0]) {
            let expected = rate * 10_000.0;
            assert!((f64::from(sent) - expected).abs() < 5.0 * f64::sqrt(expected), "{sent} instead of {expected}");
        }
        assert!((39_999..=40_001).contains(&pulls), "{pulls}");
    }

    #[test]
    fn under_attack_cover_grows_and_payload_does_not() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let mut traffic = Traffic::new(&rates(), 0, rng).unwrap();
        traffic.set(&rates(), 4.0, 0, rng);
        let (sent, _) = run(&mut traffic, 0, 1_000, rng);
        for (sent, rate) in sent.into_iter().zip([5.0, 12.0, 8.0]) {
            let expected = rate * 1_000.0;
            assert!((f64::from(sent) - expected).abs() < 5.0 * f64::sqrt(expected), "{sent} instead of {expected}");
        }
    }

    #[test]
    fn a_pause_of_the_machine_is_not_made_up_for() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let mut traffic = Traffic::new(&rates(), 0, rng).unwrap();
        let hour = 3_600_000_000_000;
        for stream in Stream::ALL {
            assert_eq!(traffic.due(stream, hour, rng), MOST_AT_ONCE);
        }
        assert!(traffic.pull(hour));
        assert!(!traffic.pull(hour));
        assert!(traffic.next() > hour);
    }
}
