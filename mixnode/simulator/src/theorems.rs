//! Theorems 1 and 2 (paper §4.1.3): which message leaves a mix after the observation o₍ₙ,ₖ,ₗ₎.

use rand::Rng;
use rand_distr::{Distribution, Exp, ExpError};

/// How often messages join in the last step, in mean delays. Its value changes only how many trials are thrown away.
const JOINING_RATE: f64 = 20.0;

/// An observation o₍ₙ,ₖ,ₗ₎ of a mix: n messages are in it, n−k leave, l more arrive before another leaves, then one leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Messages at first.
    pub n: u32,
    /// Messages left when the l arrive, at most n.
    pub k: u32,
    /// Messages that arrive late.
    pub l: u32,
    /// μ: the inverse of the mean delay, per second.
    pub mu: f64,
    /// λ_M: the rate at which the mix sends loops, per second; 0 for the mix without loops of Theorem 1.
    pub loops: f64,
}

/// What left the mix last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// One of the messages 0..n that were there at first.
    Early(u32),
    /// One of the messages 0..l that arrived late.
    Late(u32),
    /// A loop of the mix.
    Loop,
}

impl Observation {
    /// Pr(m = m₁), m₁ one of the first n messages.
    pub fn early(&self) -> f64 {
        f64::from(self.k) / f64::from(self.n) * self.late()
    }

    /// Pr(m = m₂), m₂ one of the l messages that arrive late.
    pub fn late(&self) -> f64 {
        self.mu / (f64::from(self.l + self.k) * self.mu + self.loops)
    }

    /// Plays the mix with a delay drawn for each message. `None` if this is not the observation: something left among the l
    /// arrivals. With no messages inside and no loops nothing can leave, which is `None` too.
    ///
    /// # Errors
    /// μ or λ_M is no rate.
    pub fn simulate(&self, rng: &mut impl Rng) -> Result<Option<Outgoing>, ExpError> {
        let delay = Exp::new(self.mu)?;
        let mut departures: Vec<(f64, Outgoing)> =
            (0..self.n).map(|message| (delay.sample(rng), Outgoing::Early(message))).collect();
        departures.sort_by(|a, b| a.0.total_cmp(&b.0));
        let left = self.n.saturating_sub(self.k) as usize;
        let start = left.checked_sub(1).map_or(0.0, |last| departures[last].0);
        departures.drain(..left);

        let joining = Exp::new(JOINING_RATE * self.mu)?;
        let mut now = start;
        for message in 0..self.l {
            now += joining.sample(rng);
            departures.push((now + delay.sample(rng), Outgoing::Late(message)));
        }
        if self.loops > 0.0 {
            departures.push((start + Exp::new(self.loops)?.sample(rng), Outgoing::Loop));
        }
        let first = departures.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        Ok(first.filter(|(at, _)| *at > now).map(|(_, outgoing)| outgoing))
    }
}
