//! The entropy of one Poisson mix (paper §4.1.3, Figure 5, appendix A.1).

use rand::Rng;
use rand_distr::{Distribution, Exp, ExpError};

/// Mean delays before the measurement. The pool starts empty; its expected size is then within e^−15 of the steady state.
const WARM_UP: f64 = 15.0;
/// The measurement lasts this many mean delays, and at least as long as so many arrivals take: one of them alone leaves a large
/// error in busy or in idle mixes.
const MEASURED: (f64, f64) = (100.0, 10_000.0);

/// The mean Shannon entropy, in bits, of the origin of a message that leaves a mix: over which of all messages that arrived it
/// may be. `lambda` is the rate of arrivals and `mu` the inverse of the mean delay, both per second.
///
/// # Errors
/// A rate that is no positive number.
pub fn poisson_mix(lambda: f64, mu: f64, rng: &mut impl Rng) -> Result<f64, ExpError> {
    if [lambda, mu].iter().any(|rate| !rate.is_finite() || *rate <= 0.0) {
        return Err(ExpError::LambdaTooSmall);
    }
    let exp1 = Exp::new(1.0)?;
    let (mut inside, mut entropy) = (0_u64, 0.0);
    let (mut total, mut departures) = (0.0, 0_u64);
    let mut now = 0.0;
    let start = WARM_UP / mu;
    let end = start + (MEASURED.0 / mu).max(MEASURED.1 / lambda);
    while now < end {
        let rate = lambda + mu * inside as f64;
        now += exp1.sample(rng) / rate;
        if rng.random::<f64>() * rate < lambda {
            entropy = after_arrival(inside, entropy);
            inside += 1;
        } else {
            inside = inside.saturating_sub(1);
            if now >= start {
                total += entropy;
                departures += 1;
            }
        }
    }
    Ok(total / departures.max(1) as f64)
}

/// Equation (5) for one arrival: the entropy of a message of the pool, in bits, once a message joins `inside` others.
/// A departure tells nothing more about those that stay, so it changes nothing.
pub fn after_arrival(inside: u64, entropy: f64) -> f64 {
    let new = 1.0 / (inside as f64 + 1.0);
    let old = 1.0 - new;
    let binary = if inside == 0 { 0.0 } else { -new * new.log2() - old * old.log2() };
    binary + old * entropy
}
