//! Real processes, killed at random moments, and what must hold all the while.

pub mod agent;
pub mod clients;
pub mod commit;
pub mod fabric;
pub mod ledger;
pub mod network;
pub mod p4;
pub mod process;
pub mod programs;
pub mod restart;
pub mod run;
pub mod schedule;
pub mod watch;

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::Context as _;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Nothing takes that long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` sees it.
///
/// # Errors
/// If it takes longer than [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let wait = async {
        let mut interval = interval(Duration::from_millis(20));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    timeout(PATIENCE, wait).await.with_context(|| format!("not seen within {PATIENCE:?}: {what}"))
}

/// A line to the terminal, which sees of a test that passes only what goes to standard error by itself.
pub fn say(text: &str) {
    // Without a terminal there is nobody to tell.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
