//! Page's test (CUSUM, 1954): which of two probabilities of failure describes what is seen lately?
//!
//! Each outcome adds the logarithm of its likelihood under *attack* over that under *honest*, and the sum is never negative. It passes h
//! only if the likelihood ratio of all outcomes since some outcome does. From each of them on that happens with a probability of at
//! most e^−h (Ville, 1939), if failures are independent and as likely as *honest* says or less. So n outcomes raise n e^−h false
//! alarms in the mean, at most.

/// A test, between a probability of failure that is still honest and one that is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cusum {
    failure: f64,
    success: f64,
    sum: f64,
}

impl Cusum {
    /// For failure probabilities of which `honest` is the smaller one: it raises on failures.
    pub(crate) fn rising(honest: f64, attack: f64) -> Self {
        Self { failure: (attack / honest).ln(), success: ((1.0 - attack) / (1.0 - honest)).ln(), sum: 0.0 }
    }

    /// The same the other way round: it raises on successes.
    pub(crate) fn falling(honest: f64, attack: f64) -> Self {
        Self::rising(attack, honest)
    }

    pub(crate) fn observe(&mut self, failed: bool) {
        self.sum = (self.sum + if failed { self.failure } else { self.success }).max(0.0);
    }

    pub(crate) fn reset(&mut self) {
        self.sum = 0.0;
    }

    /// Nats in favour of a change.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}
