//! When a client sends: one Poisson clock for each stream, and pulls at a fixed rate (Loopix §3.2). Nothing that the user does, and nothing that arrives, moves them.

use mimiq_directory::Rates;
use mimiq_mixing::PoissonClock;
use rand::Rng;

/// After a pause of the machine, so many packets of a stream are sent for what was missed.
const MOST_AT_ONCE: u32 = 4;
/// Packets that are handed out ahead of their times, at once and on average: more at a time save little, and wait longer.
const AHEAD: f64 = 8.0;
/// For what they take to be made, a part of the time for which they are handed out.
const LEAD: u64 = 5;

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
    /// When there was a pull.
    pulled: Option<u64>,
    rates: Rates,
    cover: f64,
    /// How long before its time a packet may be handed out.
    longest: u64,
    /// How long it is with these rates.
    ahead: u64,
    /// Until then all times have been handed out.
    drawn: u64,
    /// The last one of those that were handed out last.
    last: Option<u64>,
}

impl Traffic {
    /// Starts now. Rates come from a state that was checked, so that clocks have them. Packets may be handed out so long `ahead` of their times.
    pub(crate) fn new(rates: &Rates, ahead: u64, now: u64, rng: &mut impl Rng) -> Option<Self> {
        let mut clock = |stream: Stream| PoissonClock::new(stream.rate(rates, 1.0), now, rng).ok();
        let clocks = [clock(Stream::Payload)?, clock(Stream::Loop)?, clock(Stream::Drop)?];
        let pull_every = (1e9 / rates.pull) as u64;
        // Anywhere in the first period: else all clients of a provider that was away would pull in step.
        let next_pull = now.saturating_add(rng.random_range(0..=pull_every));
        let mut traffic = Self {
            clocks,
            pull_every,
            next_pull,
            pulled: None,
            rates: *rates,
            cover: 1.0,
            longest: ahead,
            ahead,
            drawn: now,
            last: None,
        };
        traffic.limit();
        Some(traffic)
    }

    /// With high rates, times are handed out later.
    fn limit(&mut self) {
        let rate: f64 = Stream::ALL.into_iter().map(|stream| stream.rate(&self.rates, self.cover)).sum();
        self.ahead = self.longest.min((AHEAD / rate * 1e9) as u64);
    }

    /// Follows the network's rates, and multiplies cover traffic.
    pub(crate) fn set(&mut self, rates: &Rates, cover: f64, now: u64, rng: &mut impl Rng) {
        if self.rates == *rates && self.cover == cover {
            return;
        }
        // What was handed out ahead cannot be taken back.
        let from = now.max(self.drawn);
        for (stream, clock) in Stream::ALL.into_iter().zip(&mut self.clocks) {
            let rate = stream.rate(rates, cover).min(1e6);
            if stream.rate(&self.rates, self.cover) != rate && clock.set_rate(rate, from, rng).is_err() {
                tracing::debug!(rate, "a rate that no clock has");
            }
        }
        self.pull_every = (1e9 / rates.pull) as u64;
        self.next_pull = self.next_pull.min(now.saturating_add(self.pull_every));
        (self.rates, self.cover) = (*rates, cover);
        self.limit();
    }

    /// When something is due, or is to be handed out.
    pub(crate) fn next(&self) -> u64 {
        let packet = self.clocks.iter().map(PoissonClock::next).fold(u64::MAX, u64::min);
        // With the pull, what comes after it.
        if self.next_pull <= packet {
            return self.next_pull;
        }
        // While there is something left that waits, if possible: then who sends it need not be told that there is more.
        self.last.unwrap_or(packet).saturating_sub(self.ahead / LEAD)
    }

    /// Whether times are to be handed out now, be it as [`Self::pull`] has said that there is a pull.
    pub(crate) fn begin(&mut self, now: u64) -> bool {
        let due = self.next() <= now || self.pulled == Some(now);
        if due {
            self.last = None;
        }
        due
    }

    /// How many packets of a stream are due now.
    pub(crate) fn due(&mut self, stream: Stream, now: u64, rng: &mut impl Rng) -> u32 {
        self.clocks[stream as usize].fire(now, MOST_AT_ONCE, rng).times
    }

    /// The next packet that is to be handed out now, with its time. Those after the next pull are handed out with it.
    pub(crate) fn ahead(&mut self, now: u64, rng: &mut impl Rng) -> Option<(Stream, u64)> {
        let until = now.saturating_add(self.ahead).min(self.next_pull.saturating_sub(1));
        self.drawn = self.drawn.max(until);
        let stream = Stream::ALL.into_iter().min_by_key(|stream| self.clocks[*stream as usize].next())?;
        let clock = &mut self.clocks[stream as usize];
        let at = clock.next();
        if at > until {
            return None;
        }
        clock.fire(at, 1, rng);
        self.last = Some(at);
        Some((stream, at))
    }

    /// Whether it is time for a pull.
    pub(crate) fn pull(&mut self, now: u64) -> bool {
        let due = now >= self.next_pull;
        if due {
            self.pulled = Some(now);
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

    const SECOND: u64 = 1_000_000_000;

    /// Runs for so many seconds, and counts.
    fn run(traffic: &mut Traffic, from: u64, seconds: u64, rng: &mut ChaCha8Rng) -> ([u32; 3], u32) {
        let (mut sent, mut pulls, mut last) = ([0; 3], 0, 0);
        while traffic.next() < from + seconds * SECOND {
            let now = traffic.next();
            pulls += u32::from(traffic.pull(now));
            let begun = traffic.begin(now);
            assert!(begun);
            Stream::ALL.into_iter().for_each(|stream| sent[stream as usize] += traffic.due(stream, now, rng));
            while let Some((stream, at)) = traffic.ahead(now, rng) {
                assert!((last.max(now)..=now + traffic.ahead).contains(&at), "{last} {now} {at}");
                sent[stream as usize] += 1;
                last = at;
            }
        }
        (sent, pulls)
    }

    fn assert_rates(sent: [u32; 3], rates: [f64; 3], seconds: f64) {
        for (sent, rate) in sent.into_iter().zip(rates) {
            let expected = rate * seconds;
            assert!((f64::from(sent) - expected).abs() < 5.0 * f64::sqrt(expected), "{sent} instead of {expected}");
        }
    }

    #[test]
    fn each_stream_has_its_rate_and_pulls_are_periodic() {
        for ahead in [0, SECOND / 10, SECOND] {
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            let mut traffic = Traffic::new(&rates(), ahead, 0, rng).unwrap();
            let (sent, pulls) = run(&mut traffic, 0, 10_000, rng);
            assert_rates(sent, [5.0, 3.0, 2.0], 10_000.0);
            assert!((39_999..=40_001).contains(&pulls), "{pulls}");
        }
    }

    #[test]
    fn under_attack_cover_grows_and_payload_does_not() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let mut traffic = Traffic::new(&rates(), 0, 0, rng).unwrap();
        traffic.set(&rates(), 4.0, 0, rng);
        let (sent, _) = run(&mut traffic, 0, 1_000, rng);
        assert_rates(sent, [5.0, 12.0, 8.0], 1_000.0);
    }

    /// What has been handed out counts: the time for which it was is not drawn again.
    #[test]
    fn a_change_of_rates_draws_no_time_twice() {
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        let few_pulls = Rates { pull: 0.1, ..rates() };
        let mut traffic = Traffic::new(&few_pulls, SECOND, 0, rng).unwrap();
        let mut all = [0; 3];
        for step in 0..8_000 {
            let now = step * SECOND / 4;
            traffic.set(&few_pulls, if step % 2 == 0 { 1.0 } else { 1.001 }, now, rng);
            while traffic.next() < now + SECOND / 4 {
                let now = traffic.next();
                traffic.pull(now);
                traffic.begin(now);
                while let Some((stream, _)) = traffic.ahead(now, rng) {
                    all[stream as usize] += 1;
                }
            }
        }
        assert_rates(all, [5.0, 3.0, 2.0], 2_000.0);
    }

    /// At high rates there are as many at a time as at low ones.
    #[test]
    fn not_too_many_are_handed_out_at_a_time() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        for times in [1.0, 10.0, 100.0] {
            let Rates { lambda_p, lambda_l, lambda_d, .. } = rates();
            let (lambda_p, lambda_l, lambda_d) = (times * lambda_p, times * lambda_l, times * lambda_d);
            let mut traffic =
                Traffic::new(&Rates { lambda_p, lambda_l, lambda_d, ..rates() }, SECOND / 2, 0, rng).unwrap();
            let (mut rounds, mut sent) = (0, 0);
            while traffic.next() < 500 * SECOND {
                let now = traffic.next();
                traffic.pull(now);
                traffic.begin(now);
                sent += std::iter::from_fn(|| traffic.ahead(now, rng)).count();
                rounds += 1;
            }
            let average = f64::from(sent as u32) / f64::from(rounds);
            assert!((1.0..8.0).contains(&average), "{average}");
        }
    }

    #[test]
    fn a_pause_of_the_machine_is_not_made_up_for() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let mut traffic = Traffic::new(&rates(), 0, 0, rng).unwrap();
        let hour = 3600 * SECOND;
        for stream in Stream::ALL {
            assert_eq!(traffic.due(stream, hour, rng), MOST_AT_ONCE);
        }
        assert!(traffic.pull(hour));
        assert!(!traffic.pull(hour));
        assert!(traffic.next() > hour);
    }
}
