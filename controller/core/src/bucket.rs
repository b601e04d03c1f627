use std::time::Duration;

use mimiq_addressing::Time;

/// How often something may happen: so many in a second on average, and a burst of one second's worth at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In a second; at least 1.
    pub per_second: u32,
}

/// A token bucket (the generic cell rate algorithm, ITU-T I.371): one number is all that it remembers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    /// When the bucket will be full again, in microseconds of the caller's clock.
    full_at: u64,
}

impl Bucket {
    /// Takes one token, or says how long to wait for one.
    ///
    /// # Errors
    /// With the time until there is one.
    pub fn take(&mut self, now: Time, rate: Rate) -> Result<(), Duration> {
        let now = now.as_millis().saturating_mul(1000);
        let cost = 1_000_000 / u64::from(rate.per_second.clamp(1, 1_000_000));
        let full_at = self.full_at.max(now) + cost;
        match full_at.saturating_sub(now).checked_sub(1_000_000) {
            None | Some(0) => {
                self.full_at = full_at;
                Ok(())
            }
            Some(excess) => Err(Duration::from_millis(excess.div_ceil(1000))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate { per_second: 10 };
        let mut bucket = Bucket::default();
        let at = Time::from_millis;
        assert_eq!((0..20).filter(|_| bucket.take(at(5), rate).is_ok()).count(), 10);
        assert_eq!(bucket.take(at(5), rate), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(at(105), rate), Ok(()));
        assert!(bucket.take(at(105), rate).is_err());
        assert_eq!((105..1105).filter(|ms| bucket.take(at(*ms), rate).is_ok()).count(), 9);
        assert_eq!((0..20).filter(|_| bucket.take(at(60_000), rate).is_ok()).count(), 10);
    }
}
