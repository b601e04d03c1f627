//! How often packets are taken in.

use std::thread;
use std::time::{Duration, Instant};

/// From the beginning of one round to that of the next. Eight packets take about as long to unwrap as one: a node that took each as it comes would be
/// busy all the time at ten thousand a second, and what it lets leave would be late. A delay counts from when the kernel had the packet, so that it hides what a round
/// takes, but for the shortest delays: with a mean of 20 ms one of a hundred is shorter than this.
const LEAST: Duration = Duration::from_micros(200);

/// Keeps rounds apart.
#[derive(Default)]
pub(crate) struct Rounds(Option<Instant>);

impl Rounds {
    /// Waits until a round may begin: not at all after a pause.
    pub(crate) fn begin(&mut self) {
        let mut now = Instant::now();
        while let Some(left) =
            self.0.and_then(|last| (last + LEAST).checked_duration_since(now)).filter(|left| !left.is_zero())
        {
            thread::park_timeout(left);
            now = Instant::now();
        }
        self.0 = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_apart() {
        let (mut rounds, start) = (Rounds::default(), Instant::now());
        for _ in 0..10 {
            rounds.begin();
        }
        assert!(start.elapsed() >= 9 * LEAST);
    }
}
