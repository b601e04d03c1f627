//! Active queue management of the input: which packets to drop before the expensive unwrapping (Loopix §5).
//!
//! The paper says "a PID controller". This is one without D, after PIE (RFC 8033 §4.2): every target's time the probability of a drop moves by how
//! far the packets' wait is from the target, and by how much it grew. PIE's own gains are for sources that slow down and answer
//! after a round trip. Those of a mix network do not; so these are higher, and in units of the target.
//!
//! With a load of ρ times what the mix can do, the wait's deviation follows s² + ρ·P·s + ρ·I = 0 (time in targets): damped by half at ρ = 2,
//! critically at ρ = 8. When such a load starts at once, the wait first rises to 6 targets at ρ = 2 and 27 at ρ = 10 (simulated).

use rand::Rng;

const PROPORTIONAL: f64 = 0.05;
const INTEGRAL: f64 = 0.005;
/// Deviations count up to this many targets: after a pause of the process not all that waited is thrown away.
const MOST: f64 = 4.0;

/// Drops packets that have waited, so that those behind them do not wait longer than about the target.
#[derive(Clone, Debug)]
pub struct Aqm {
    target: u64,
    probability: f64,
    /// The wait at the last update, in targets.
    last: f64,
    /// When the next update is due.
    next: u64,
}

impl Aqm {
    /// For a wait of about that many nanoseconds (at least one) under overload.
    #[must_use]
    pub fn new(target: u64) -> Self {
        Self { target: target.max(1), probability: 0.0, last: 0.0, next: 0 }
    }

    /// Whether to go on with the packet that comes from the input's head `now` and arrived then (nanoseconds). One that has waited less than half the
    /// target is never dropped.
    pub fn admit(&mut self, now: u64, arrived: u64, rng: &mut impl Rng) -> bool {
        let wait = now.saturating_sub(arrived);
        if now >= self.next {
            self.update(now, wait as f64 / self.target as f64);
        }
        wait < self.target / 2 || !rng.random_bool(self.probability)
    }

    /// The probability with which a packet is dropped now.
    #[must_use]
    pub fn probability(&self) -> f64 {
        self.probability
    }

    fn update(&mut self, now: u64, wait: f64) {
        let wait = wait.min(1.0 + MOST);
        // Times without packets were times without a queue.
        let idle = now.saturating_sub(self.next) / self.target;
        let change = INTEGRAL * (wait - 1.0 - idle as f64) + PROPORTIONAL * (wait - self.last);
        self.probability = (self.probability + change).clamp(0.0, 1.0);
        self.last = wait;
        self.next = now.saturating_add(self.target);
    }
}
