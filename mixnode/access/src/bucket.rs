//! How fast a client may go: a token bucket.

/// Holds up to a burst, and fills at a rate. Times are nanoseconds since any moment.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_nanosecond: f64,
    burst: f64,
    level: f64,
    at: u64,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(per_second: f64, burst: u32, now: u64) -> Self {
        let burst = f64::from(burst);
        Self { per_nanosecond: per_second / 1e9, burst, level: burst, at: now }
    }

    /// It fills at another rate, since one was taken last.
    pub(crate) fn set_rate(&mut self, per_second: f64) {
        self.per_nanosecond = per_second / 1e9;
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
        let there = self.level >= 1.0;
        if there {
            self.level -= 1.0;
        }
        there
    }

    /// Whether it has nothing to remember: a new one would be the same.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.level_at(now) >= self.burst
    }

    fn level_at(&self, now: u64) -> f64 {
        let passed = now.saturating_sub(self.at) as f64;
        (self.level + passed * self.per_nanosecond).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(2.0, 3, 1_000);
        assert!(bucket.is_full(1_000));
        assert_eq!((0..5).filter(|_| bucket.take(1_000)).count(), 3);
        assert!(!bucket.take(500_000_900));
        assert!(bucket.take(500_001_100));
        assert!(!bucket.is_full(1_000_000_000));
        assert!(bucket.is_full(10_000_000_000));
        // Time that goes back adds nothing.
        assert_eq!((0..5).filter(|_| bucket.take(0)).count(), 0);
    }

    #[test]
    fn another_rate_counts_at_once() {
        let mut bucket = Bucket::new(1.0, 10, 0);
        assert_eq!((0..20).filter(|_| bucket.take(1_000_000_000)).count(), 10);
        bucket.set_rate(2.0);
        assert_eq!((0..20).filter(|_| bucket.take(3_000_000_000)).count(), 4);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(
            rate in 0.1f64..1000.0,
            burst in 1u32..50,
            steps in proptest::collection::vec(0u64..50_000_000, 1..300),
        ) {
            let mut bucket = Bucket::new(rate, burst, 0);
            let (mut now, mut taken) = (0, 0u32);
            for step in steps {
                now += step;
                taken += u32::from(bucket.take(now));
                prop_assert!(f64::from(taken) <= f64::from(burst) + rate * now as f64 / 1e9 + 1e-6);
            }
        }
    }
}
