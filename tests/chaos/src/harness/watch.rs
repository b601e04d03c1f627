//! Reads the switches all the time, as a backup controller could.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    ledger::{Ledger, Snapshot},
    p4::Reader,
};

/// Between two readings of a switch.
const EVERY: Duration = Duration::from_millis(50);

/// Compares all switches' tables with the ledger, until what is returned is dropped.
pub fn start(ledger: &Arc<Ledger>, readers: &[Reader]) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    for (index, reader) in readers.iter().enumerate() {
        watchers.spawn(watch(index, reader.clone(), ledger.clone()));
    }
    watchers
}

async fn watch(index: usize, reader: Reader, ledger: Arc<Ledger>) {
    let mut interval = interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let (generation, began) = (ledger.generation(index), Instant::now());
        let Ok(tables) = reader.tables().await else { continue };
        let ended = Instant::now();
        if ledger.generation(index) == generation {
            ledger.see(&Snapshot { index, generation, began, ended, tables });
        }
    }
}
