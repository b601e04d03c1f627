use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::Allocator;
use crate::store::Store;

/// Before a state file that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(2);

impl Allocator {
    /// Writes what the core wants to be stored, for ever; what comes while a write is under way is written at once next.
    pub async fn keep_stored(&self, store: Arc<Store>) {
        let mut wanted = self.store.subscribe();
        loop {
            if wanted.changed().await.is_err() {
                return;
            }
            loop {
                let (version, state) = wanted.borrow_and_update().clone();
                let writing = store.clone();
                let written = tokio::task::spawn_blocking(move || writing.set(&state)).await;
                match written {
                    Ok(Ok(())) => {
                        self.with(|core, now| core.stored(now, version));
                        self.reassess();
                        break;
                    }
                    Ok(Err(error)) => tracing::error!(%error, "state_file: not written; trying again"),
                    Err(error) => tracing::error!(%error, "state_file: not written; trying again"),
                }
                metrics::counter!("mimiq_controller_store_failures_total").increment(1);
                sleep(AGAIN).await;
            }
        }
    }
}
