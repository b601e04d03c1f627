//! The demo's clock, its progress lines, and its waiting, which an interrupt ends.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

/// How often it looks whether what it waits for has happened.
const LOOK: Duration = Duration::from_millis(100);

/// Since when it runs, and whether it is to go on.
pub(crate) struct Run {
    start: Instant,
    stop: Arc<AtomicBool>,
}

impl Run {
    /// It begins now.
    pub(crate) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { start: Instant::now(), stop }
    }

    /// Seconds since it began.
    pub(crate) fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// A progress line.
    pub(crate) fn say(&self, text: impl Display) {
        println!("[{:>3.0} s] {text}", self.now());
    }

    /// Waits for something, and says how long that took; at most so many seconds.
    pub(crate) fn until(
        &self,
        what: &str,
        most: f64,
        mut is: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<f64> {
        let start = self.now();
        while !is()? {
            if self.now() - start > most {
                bail!("{what}: not within {most:.0} s");
            }
            self.look()?;
        }
        Ok(self.now() - start)
    }

    /// Waits until then.
    pub(crate) fn pass(&self, until: f64) -> anyhow::Result<()> {
        while self.now() < until {
            self.look()?;
        }
        Ok(())
    }

    fn look(&self) -> anyhow::Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "interrupted");
        std::thread::park_timeout(LOOK);
        Ok(())
    }
}
