//! Alias epochs: every t_sid new aliases go to every edge switch, and are used when all have them (MIMIQ §3.3).

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use metrics::{counter, gauge};
use mimiq_addressing::{Alias, AliasError, NewAliases, Sid};
use mimiq_contract::Entry;
use tokio::time::{Instant, sleep, sleep_until};

use super::Allocator;
use crate::p4rt::{SwitchHandle, WriteError};

/// Before an edge switch that refused aliases is asked again.
const AGAIN: Duration = Duration::from_secs(2);

impl Allocator {
    /// Gives every SID its first aliases. Returns when every edge switch has them.
    pub async fn first_aliases(&self) {
        // Aliases of an earlier life are known when every edge switch has been read.
        for edge in &self.edges {
            edge.clone().synced().await;
        }
        let mut sids: Vec<u16> = self.switches.keys().copied().collect();
        sids.sort_unstable();
        for sid in sids {
            loop {
                let drawn = {
                    let state = &mut *self.book.lock();
                    state.pool.add_sid(self.book.now(), &mut state.rng, Sid(sid))
                };
                match drawn {
                    Ok(new) => break self.introduce(new).await,
                    Err(error @ AliasError::Exhausted { .. }) => {
                        tracing::error!(sid, %error, "no aliases for a switch; trying again");
                        sleep(AGAIN).await;
                    }
                    Err(error) => {
                        tracing::error!(sid, %error, "no aliases for a switch");
                        break;
                    }
                }
            }
        }
    }

    /// Replaces the aliases every t_sid, for ever. An epoch that an edge switch does not have yet is not used: the old
    /// one goes on.
    pub async fn rotate_aliases(self: Arc<Self>) {
        loop {
            let next = self.book.lock().pool.next_rotation();
            sleep_until(next.map_or_else(|| Instant::now() + self.validity, |next| self.book.instant(next))).await;
            let drawn = {
                let state = &mut *self.book.lock();
                state.pool.rotate(self.book.now(), &mut state.rng)
            };
            match drawn {
                Ok(new) => self.introduce(new).await,
                Err(error) => {
                    counter!("mimiq_controller_rotation_failures_total").increment(1);
                    tracing::error!(%error, "no new alias epoch: the old aliases stay in use");
                }
            }
        }
    }

    /// Writes new aliases to the state file and to every edge switch, however long it takes, and puts them to use.
    async fn introduce(&self, new: NewAliases) {
        gauge!("mimiq_controller_alias_epoch_pending").set(1.0);
        while let Err(error) = self.store_aliases().await {
            tracing::error!(%error, "state_file: aliases are not stored, so not used; trying again");
            sleep(AGAIN).await;
        }
        let entries: Vec<Entry> =
            new.aliases.iter().filter_map(|(sid, alias)| self.alias_entry(*sid, *alias)).collect();
        join_all(self.edges.iter().map(|edge| push(edge.clone(), &entries))).await;
        self.book.lock().pool.confirm(self.book.now(), new.epoch);
        self.book.changed.notify_one();
        gauge!("mimiq_controller_alias_epoch_pending").set(0.0);
        counter!("mimiq_controller_alias_epochs_total").increment(1);
        tracing::info!(aliases = entries.len(), "new aliases are in use");
    }

    async fn store_aliases(&self) -> Result<(), redb::Error> {
        let aliases: Vec<(Sid, Alias)> = {
            let state = &mut *self.book.lock();
            let now = self.book.now();
            state.resting.retain(|(until, ..)| *until > now);
            let resting = state.resting.iter().map(|(_, sid, alias)| (*sid, *alias));
            state.pool.aliases().chain(resting).collect()
        };
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || store.set_aliases(&aliases)).await {
            Ok(result) => result,
            Err(error) => Err(redb::Error::Io(std::io::Error::other(error))),
        }
    }

    fn alias_entry(&self, sid: Sid, alias: Alias) -> Option<Entry> {
        Some(self.book.alias_entry(alias, *self.tunnels.get(&sid.0)?))
    }
}

/// Returns when the edge switch has the aliases.
async fn push(mut edge: SwitchHandle, entries: &[Entry]) {
    loop {
        if !edge.is_synced() {
            tracing::warn!(switch = edge.name(), "the alias epoch waits for an edge switch");
        }
        if !edge.synced().await {
            return;
        }
        match edge.set(entries.to_vec()).await {
            Ok(()) => return,
            Err(WriteError::Unavailable(_)) => {}
            Err(error @ WriteError::Refused { .. }) => {
                tracing::error!(%error, "the alias epoch waits for an edge switch");
                sleep(AGAIN).await;
            }
        }
    }
}
