//! The model of a loop's latency: the sum of exponential delays at k hops, Gamma(k, μ) with whole k.

/// The sum of `hops` delays, each exponential at rate `mu` per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Erlang {
    pub(crate) hops: u32,
    pub(crate) mu: f64,
}

impl Erlang {
    /// The probability of at most so many seconds.
    pub(crate) fn cdf(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 0.0;
        }
        let x = self.mu * seconds;
        // The chance that a Poisson process at rate μ has had fewer than k events.
        let mut term = (-x).exp();
        let mut fewer = 0.0;
        for event in 0..self.hops {
            fewer += term;
            term *= x / f64::from(event + 1);
        }
        1.0 - fewer
    }

    /// Seconds.
    pub(crate) fn mean(&self) -> f64 {
        f64::from(self.hops) / self.mu
    }

    /// The standard deviation, seconds.
    pub(crate) fn deviation(&self) -> f64 {
        f64::from(self.hops).sqrt() / self.mu
    }
}

/// What the Kolmogorov–Smirnov distance of so many samples exceeds with probability `alpha` only, if the model is true (asymptotic; fine from 35 on).
pub(crate) fn critical(samples: f64, alpha: f64) -> f64 {
    ((alpha / 2.0).ln() / -2.0 / samples).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_known_values() {
        let model = Erlang { hops: 3, mu: 2.0 };
        // 1 − e⁻³ (1 + 3 + 9/2); the median of Gamma(3, 1) is 2.674060.
        for (seconds, expected) in [(-1.0, 0.0), (0.0, 0.0), (1.5, 0.576_809_9), (2.674_060_3 / 2.0, 0.5)] {
            assert!((model.cdf(seconds) - expected).abs() < 1e-6, "{seconds}: {}", model.cdf(seconds));
        }
        assert!((Erlang { hops: 1, mu: 2.0 }.cdf(0.5) - (1.0 - (-1f64).exp())).abs() < 1e-12);
        assert!((model.mean() - 1.5).abs() < 1e-12);
        assert!((model.deviation() - 0.866_025_4).abs() < 1e-6);
    }

    #[test]
    fn critical_values_are_those_of_tables() {
        // 1.6276 / √n at 1 %, 1.3581 / √n at 5 %.
        assert!((critical(100.0, 0.01) - 0.162_76).abs() < 1e-5);
        assert!((critical(400.0, 0.05) - 0.067_905).abs() < 1e-5);
    }
}
