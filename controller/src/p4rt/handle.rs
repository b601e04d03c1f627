use std::sync::Arc;

use mimiq_contract::{Entry, EntryKey};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Code;

/// Why entries were not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The switch is not connected or not in sync.
    #[error("switch {0} is not available")]
    Unavailable(Arc<str>),
    /// The switch refused an entry.
    #[error("switch {switch} refused an entry: {code:?}: {message}")]
    Refused {
        /// Its name.
        switch: Arc<str>,
        /// P4Runtime's code.
        code: Code,
        /// What the switch says.
        message: String,
    },
}

/// What is asked of a session.
pub(super) enum Request {
    Set { entries: Vec<Entry>, done: oneshot::Sender<Result<(), WriteError>> },
    Remove { keys: Vec<EntryKey>, done: oneshot::Sender<()> },
}

/// A switch, as the rest of the controller sees it.
#[derive(Debug, Clone)]
pub struct SwitchHandle {
    name: Arc<str>,
    /// Unbounded, so that requests keep their order without waiting: there are no more than leases and aliases.
    requests: mpsc::UnboundedSender<Request>,
    synced: watch::Receiver<bool>,
}

impl SwitchHandle {
    pub(super) fn new(name: Arc<str>, requests: mpsc::UnboundedSender<Request>, synced: watch::Receiver<bool>) -> Self {
        Self { name, requests, synced }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds entries, and keeps them there across restarts of the switch. Done when the switch has them.
    ///
    /// # Errors
    /// If the switch is not available or refuses one. Then some may be in the switch: [`remove`](Self::remove) them all.
    pub async fn set(&self, entries: Vec<Entry>) -> Result<(), WriteError> {
        let (done, result) = oneshot::channel();
        let unavailable = || WriteError::Unavailable(self.name.clone());
        self.requests.send(Request::Set { entries, done }).map_err(|_| unavailable())?;
        result.await.map_err(|_| unavailable())?
    }

    /// Removes entries. Done when the switch surely has none of them, nor those of earlier removals, however long it
    /// takes it to come back; `false` if the session ends before. Requested even if the future is dropped.
    pub fn remove(&self, keys: Vec<EntryKey>) -> impl Future<Output = bool> + use<> {
        let (done, result) = oneshot::channel();
        let sent = self.requests.send(Request::Remove { keys, done }).is_ok();
        async move { sent && result.await.is_ok() }
    }

    /// Whether the switch is connected and has all that it should.
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Waits until the switch is in sync; `false` if the session has ended.
    pub async fn synced(&mut self) -> bool {
        self.synced.wait_for(|synced| *synced).await.is_ok()
    }
}
