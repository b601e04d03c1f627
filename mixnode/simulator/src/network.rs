//! The likelihood difference ε of two challenge senders over a stratified network of Poisson mixes (paper §4.3).
//!
//! The burn-in of the paper, 2500 time units without the challengers, is not played event by event. Without them the network
//! is a feed-forward network of M/M/∞ queues that started empty, so at its end the pools hold independent Poisson numbers of
//! unlabelled messages, with mean (1 − o(e^−μt/2))·λ/μ: at the smallest μ of the figures, 0.1, the remainder is below
//! 10^−50. These numbers are drawn instead, which is the same distribution at a small part of the time.

use rand::{Rng, seq::index};
use rand_distr::{Distribution, Exp, Poisson};

use crate::pool::{Label, Pool};

/// A network and its users. Times are in the paper's time units, rates in messages per time unit.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Senders, the two challengers included.
    pub users: u32,
    /// λ: messages that each user sends per time unit, payload and cover together.
    pub lambda: f64,
    /// μ: each mix delays a message by an exponential time of mean 1/μ time units.
    pub mu: f64,
    /// Layers of mixes that each message crosses.
    pub layers: usize,
    /// Mixes in each layer.
    pub width: usize,
    /// Mixes, drawn at random among all, whose operator tells the observer which message is which.
    pub corrupt: usize,
    /// Time units from the challengers' start to the end.
    pub duration: f64,
}

impl Default for Network {
    /// The paper's: 100 users, λ = 2, μ = 1, three layers of three honest mixes, 100 time units.
    fn default() -> Self {
        Self { users: 100, lambda: 2.0, mu: 1.0, layers: 3, width: 3, corrupt: 0, duration: 100.0 }
    }
}

/// More messages than this in one mix, on average, are refused: memory is held for each of a corrupt mix.
const MOST_IN_A_MIX: f64 = 1e6;

/// A network that cannot be simulated.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// λ, μ or the duration is not a positive finite number, or a mix would hold more than a million messages.
    #[error("{name} = {value} is not a positive number of sensible size")]
    Rate {
        /// Which of them.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Fewer than three users, no layer, or an empty layer.
    #[error("{users} users over {layers} layers of {width} mixes: needs at least 3, 1 and 1")]
    Size {
        /// Users asked for.
        users: u32,
        /// Layers asked for.
        layers: usize,
        /// Mixes a layer asked for.
        width: usize,
    },
    /// More corrupt mixes than mixes.
    #[error("{corrupt} corrupt mixes of {mixes}")]
    Corrupt {
        /// Corrupt mixes asked for.
        corrupt: usize,
        /// Mixes there are.
        mixes: usize,
    },
}

/// ε of one run, in nats; `None` where no message had both labels possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Of a message in the pool of one mix of the last layer, at the end.
    pub pool: Option<f64>,
    /// The mean over the messages that left the last layer in the second half of the duration, when labels have spread.
    pub messages: Option<f64>,
}

impl Network {
    /// Plays the network once.
    ///
    /// # Errors
    /// A [`NetworkError`] for parameters that describe no network.
    pub fn simulate(&self, rng: &mut impl Rng) -> Result<Difference, NetworkError> {
        let mixes = self.check()?;
        let background = self.lambda * f64::from(self.users - 2);
        let mut corrupt = vec![false; mixes];
        for mix in index::sample(rng, mixes, self.corrupt) {
            corrupt[mix] = true;
        }
        let mean = background / self.width as f64 / self.mu;
        let in_pool = Poisson::new(mean)
            .ok()
            .filter(|_| mean <= MOST_IN_A_MIX)
            .ok_or(NetworkError::Rate { name: "λ/μ in a mix", value: mean })?;
        let mut pools: Vec<Pool> =
            corrupt.into_iter().map(|corrupt| Pool::unlabelled(in_pool.sample(rng) as u64, corrupt)).collect();
        let mut inside: u64 = pools.iter().map(Pool::len).sum();

        let exp1 = Exp::new(1.0).map_err(|_| NetworkError::Rate { name: "rate", value: 1.0 })?;
        let arrivals = background + 2.0 * self.lambda;
        let mut payload_sent = [0.0; 2];
        let (mut total, mut count) = (0.0, 0_u64);
        let mut now = 0.0;
        loop {
            let rate = arrivals + self.mu * inside as f64;
            now += exp1.sample(rng) / rate;
            if now >= self.duration {
                break;
            }
            let event = rng.random::<f64>() * rate;
            // Rounding may put the event at `rate` itself.
            if event < arrivals || inside == 0 {
                let label = self.sent(event, now, &mut payload_sent);
                pools[rng.random_range(0..self.width)].arrive(label);
                inside += 1;
                continue;
            }
            let mut rank = rng.random_range(0..inside);
            let mix = pools.iter().position(|pool| {
                let here = rank < pool.len();
                rank = rank.saturating_sub(pool.len());
                here
            });
            let Some((mix, label)) = mix.and_then(|mix| Some((mix, pools[mix].depart(rng)?))) else { continue };
            let layer = mix / self.width;
            if layer + 1 < self.layers {
                pools[(layer + 1) * self.width + rng.random_range(0..self.width)].arrive(label);
                continue;
            }
            inside -= 1;
            if let Some(epsilon) = label.likelihood_difference().filter(|_| now >= self.duration / 2.0) {
                total += epsilon;
                count += 1;
            }
        }
        let last = rng.random_range(mixes - self.width..mixes);
        Ok(Difference {
            pool: pools[last].sum().likelihood_difference(),
            messages: (count > 0).then(|| total / count as f64),
        })
    }

    /// The label of a message sent at `now`; `event`, uniform over the users' rates, says by whom. A challenger sends payload
    /// whenever its buffer holds some, cover otherwise; one message enters the buffer at each whole time unit.
    fn sent(&self, event: f64, now: f64, payload_sent: &mut [f64; 2]) -> Label {
        let user = (event / self.lambda) as usize;
        match payload_sent.get_mut(user) {
            Some(sent) if *sent < now.floor() + 1.0 => {
                *sent += 1.0;
                if user == 0 { Label { s0: 1.0, s1: 0.0 } } else { Label { s0: 0.0, s1: 1.0 } }
            }
            _ => Label::default(),
        }
    }

    /// The number of mixes.
    fn check(&self) -> Result<usize, NetworkError> {
        for (name, value) in [("λ", self.lambda), ("μ", self.mu), ("duration", self.duration)] {
            if !value.is_finite() || value <= 0.0 {
                return Err(NetworkError::Rate { name, value });
            }
        }
        let mixes = self.layers.saturating_mul(self.width);
        if self.users < 3 || mixes == 0 {
            return Err(NetworkError::Size { users: self.users, layers: self.layers, width: self.width });
        }
        if self.corrupt > mixes {
            return Err(NetworkError::Corrupt { corrupt: self.corrupt, mixes });
        }
        Ok(mixes)
    }
}
