//! When requests are due.

use std::time::Duration;

/// How requests are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Open loop: at times of their own, whether or not earlier ones are answered. The rate, requests a second, changes evenly
    /// from `start` to `end` over the duration.
    Open {
        /// At the beginning.
        start: f64,
        /// At the end.
        end: f64,
    },
    /// Closed loop: each client has so many requests outstanding, and sends the next when one is answered.
    Closed {
        /// Outstanding requests of a client.
        outstanding: usize,
    },
}

impl Pace {
    /// When request number `n` is due, from the start; `None` if it is not within the duration. Always `None` of a closed
    /// loop, where answers decide.
    pub fn due(&self, n: u64, duration: Duration) -> Option<Duration> {
        let Self::Open { start, end } = *self else { return None };
        let seconds = duration.as_secs_f64();
        // The area under the rate is the number: n = start·t + slope·t²/2, solved in the form that needs no division by the slope.
        let (n, slope) = (n as f64, (end - start) / seconds);
        let root = (start * start + 2.0 * slope * n).sqrt();
        let due = if n == 0.0 { 0.0 } else { 2.0 * n / (start + root) };
        // Not a number: the rate has fallen to zero before.
        if (0.0..seconds).contains(&due) { Duration::try_from_secs_f64(due).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DURATION: Duration = Duration::from_secs(10);

    fn count(pace: Pace) -> u64 {
        (0..).take_while(|n| pace.due(*n, DURATION).is_some()).count() as u64
    }

    #[test]
    fn as_many_requests_are_due_as_the_rates_say() {
        assert_eq!(count(Pace::Open { start: 100.0, end: 100.0 }), 1000);
        assert!(count(Pace::Open { start: 0.0, end: 100.0 }).abs_diff(500) <= 1);
        assert!(count(Pace::Open { start: 100.0, end: 0.0 }).abs_diff(500) <= 1);
        assert!(count(Pace::Open { start: 100.0, end: 300.0 }).abs_diff(2000) <= 1);
        assert_eq!(count(Pace::Closed { outstanding: 3 }), 0);
        let even = Pace::Open { start: 4.0, end: 4.0 };
        assert_eq!(even.due(3, DURATION), Some(Duration::from_millis(750)));
    }

    proptest! {
        #[test]
        fn due_times_never_go_back(start in 0.0f64..1e6, end in 0.0f64..1e6) {
            let pace = Pace::Open { start, end };
            let mut before = Duration::ZERO;
            for due in (0..1000).map_while(|n| pace.due(n, DURATION)) {
                prop_assert!(due >= before);
                before = due;
            }
        }
    }
}
