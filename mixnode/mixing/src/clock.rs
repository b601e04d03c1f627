//! Poisson clocks: when to send (Loopix §3.3, §4.1). One for each stream, which nothing stalls: neither load nor an empty queue.

use rand::Rng;
use rand_distr::{Distribution as _, Exp1};

/// Firings per second, at most.
const FASTEST: f64 = 1e6;

/// A rate that no clock has.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("rate {0}: not from 0 to {FASTEST} per second")]
pub struct RateError(pub f64);

/// What happened until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// How many times the clock fired.
    pub times: u32,
    /// It should have fired more often, but these are left out.
    pub behind: bool,
}

/// The times of a Poisson process, in nanoseconds. Each is drawn from the one before, not from when that was handled: being late does not add up.
#[derive(Clone, Debug)]
pub struct PoissonClock {
    rate: f64,
    next: u64,
}

impl PoissonClock {
    /// Starts now, with so many firings per second on average; 0: never.
    ///
    /// # Errors
    /// If the rate is not from 0 to 10^6.
    pub fn new(rate: f64, now: u64, rng: &mut impl Rng) -> Result<Self, RateError> {
        let mut clock = Self { rate: 0.0, next: u64::MAX };
        clock.set_rate(rate, now, rng)?;
        Ok(clock)
    }

    /// Changes the rate from now on. What is due already stays due. Calling it often moves no firing: the process has no memory.
    ///
    /// # Errors
    /// If the rate is not from 0 to 10^6: then it stays as it is.
    pub fn set_rate(&mut self, rate: f64, now: u64, rng: &mut impl Rng) -> Result<(), RateError> {
        if !(0.0..=FASTEST).contains(&rate) {
            return Err(RateError(rate));
        }
        self.rate = rate;
        if self.next > now {
            self.next = self.after(now, rng);
        }
        Ok(())
    }

    /// When it fires next; `u64::MAX` is never.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Fires for all times until now, but not more than `most` times: after a pause of the machine the rest is left out, for a burst would tell
    /// everyone of the pause.
    pub fn fire(&mut self, now: u64, most: u32, rng: &mut impl Rng) -> Fired {
        let mut times = 0;
        while self.next <= now && self.next != u64::MAX {
            if times == most {
                self.next = self.after(now, rng);
                return Fired { times, behind: true };
            }
            times += 1;
            self.next = self.after(self.next, rng);
        }
        Fired { times, behind: false }
    }

    fn after(&self, time: u64, rng: &mut impl Rng) -> u64 {
        if self.rate == 0.0 {
            return u64::MAX;
        }
        let gap: f64 = Exp1.sample(rng);
        time.saturating_add((gap / self.rate * 1e9).round() as u64)
    }
}
