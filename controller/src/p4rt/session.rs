use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use metrics::{counter, gauge};
use mimiq_contract::{Entry, EntryKey};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Operation, SwitchHandle, Target, WriteError,
    connection::{Connection, Lost},
    diff,
    handle::Request,
    write::{BATCH, write},
};

/// How long the first request of a batch waits for others.
const LINGER: Duration = Duration::from_millis(1);
/// Between attempts to connect: doubled from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Asked once, with all entries of the switch when it is first read: which of them are to stay though nobody has set
/// them in this process' life.
pub type Adopt = Box<dyn FnOnce(&[Entry]) -> HashSet<EntryKey> + Send + Sync>;

/// Starts the session of one switch with the entries it must always have. It ends when the last handle is dropped.
pub fn start(target: Target, always: Vec<Entry>, adopt: Adopt) -> SwitchHandle {
    let (sender, requests) = mpsc::unbounded_channel();
    let (synced_sender, synced) = watch::channel(false);
    let name = target.name.clone();
    let desired = always.into_iter().map(|entry| (entry.key(), entry)).collect();
    let adopt = Some(adopt);
    let session =
        Session { target, desired, adopt, removed: Vec::new(), requests, synced: synced_sender, lost_before: 0 };
    tokio::spawn(session.run());
    SwitchHandle::new(name, sender, synced)
}

struct Session {
    target: Target,
    desired: HashMap<EntryKey, Entry>,
    adopt: Option<Adopt>,
    /// Removals that wait for the next synchronisation.
    removed: Vec<oneshot::Sender<()>>,
    requests: mpsc::UnboundedReceiver<Request>,
    synced: watch::Sender<bool>,
    /// How many connections were lost so far.
    lost_before: u64,
}

/// All handles are gone.
struct Ended;

impl Session {
    async fn run(mut self) {
        let (mut backoff, mut said) = (BACKOFF.0, None);
        while let Ok(opened) = self.open().await {
            let lost = match opened {
                Ok((mut connection, actual)) => match self.synchronise(&mut connection, actual).await {
                    Ok(()) => {
                        (backoff, said) = (BACKOFF.0, None);
                        self.set_synced(true);
                        let Ok(lost) = self.serve(&mut connection).await else { return };
                        self.set_synced(false);
                        lost
                    }
                    Err(lost) => lost,
                },
                Err(lost) => lost,
            };
            counter!("mimiq_controller_switch_losses_total", "switch" => self.target.name.to_string()).increment(1);
            // Not when another controller has the switch: two would outbid each other for ever.
            if !matches!(lost, Lost::NotPrimary { .. }) {
                self.lost_before += 1;
            }
            // Repeats say nothing new.
            let lost = lost.to_string();
            if said.as_ref() == Some(&lost) {
                tracing::debug!(switch = %self.target.name, lost, "switch still not available");
            } else {
                tracing::warn!(switch = %self.target.name, lost, "switch not available");
                said = Some(lost);
            }
            if self.wait(sleep_until(Instant::now() + backoff)).await.is_err() {
                return;
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    fn count_refusal(&self) {
        counter!("mimiq_controller_switch_refusals_total", "switch" => self.target.name.to_string()).increment(1);
    }

    fn set_synced(&self, synced: bool) {
        self.synced.send_replace(synced);
        gauge!("mimiq_controller_switch_synced", "switch" => self.target.name.to_string())
            .set(f64::from(u8::from(synced)));
        if synced {
            tracing::info!(switch = %self.target.name, entries = self.desired.len(), "switch in sync");
        }
    }

    async fn open(&mut self) -> Result<Result<(Connection, Vec<Entry>), Lost>, Ended> {
        let (target, earlier) = (self.target.clone(), self.lost_before);
        self.wait(async move {
            let mut connection = Connection::open(target, earlier).await?;
            let actual = connection.read().await?;
            Ok((connection, actual))
        })
        .await
    }

    /// Waits for `future`; requests are answered as for a switch that is away.
    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                result = &mut future => return Ok(result),
                request = self.requests.recv() => match request {
                    None => return Err(Ended),
                    // Whoever asked may be gone.
                    Some(Request::Set { done, .. }) => drop(done.send(Err(self.unavailable()))),
                    Some(Request::Remove { keys, done }) => {
                        for key in &keys {
                            self.desired.remove(key);
                        }
                        self.removed.push(done);
                    }
                },
            }
        }
    }

    fn unavailable(&self) -> WriteError {
        WriteError::Unavailable(self.target.name.clone())
    }

    async fn synchronise(&mut self, connection: &mut Connection, actual: Vec<Entry>) -> Result<(), Lost> {
        if let Some(adopt) = self.adopt.take() {
            let keep = adopt(&actual);
            self.desired.extend(actual.iter().map(|e| (e.key(), *e)).filter(|(key, _)| keep.contains(key)));
        }
        let operations = diff(&self.desired, &actual);
        if !operations.is_empty() {
            let (changes, entries) = (operations.len(), actual.len());
            tracing::info!(switch = %self.target.name, entries, changes, "reconciling");
        }
        if let Some((code, message)) = connection.limit_icmp_errors().await? {
            tracing::error!(switch = %self.target.name, ?code, message, "switch refused the limit on ICMP errors");
            self.count_refusal();
        }
        let mut all_deleted = true;
        for (operation, outcome) in operations.iter().zip(write(&self.target, connection, &operations).await?) {
            if let Some((code, message)) = outcome {
                all_deleted &= !matches!(operation, Operation::Delete(_));
                // What the operator configured and the switch refuses is the operator's to mend; the rest goes on.
                let table = operation.key().table_id();
                tracing::error!(switch = %self.target.name, table, ?code, "switch refused an entry");
                // It may name a client's address.
                tracing::debug!(message, "refused because");
                self.count_refusal();
            }
        }
        if all_deleted {
            for done in self.removed.drain(..) {
                // Whoever asked may be gone.
                let _ = done.send(());
            }
        }
        Ok(())
    }

    /// Serves requests until the connection is lost.
    async fn serve(&mut self, connection: &mut Connection) -> Result<Lost, Ended> {
        loop {
            let first = tokio::select! {
                lost = connection.lost() => return Ok(lost),
                request = self.requests.recv() => request.ok_or(Ended)?,
            };
            let batch = self.gather(first).await;
            if let Err(lost) = self.carry_out(connection, batch).await {
                return Ok(lost);
            }
        }
    }

    /// Adds the requests that come within [`LINGER`], until they fill a write.
    async fn gather(&mut self, first: Request) -> Vec<Request> {
        let size = |request: &Request| match request {
            Request::Set { entries, .. } => entries.len(),
            Request::Remove { keys, .. } => keys.len(),
        };
        let until = Instant::now() + LINGER;
        let mut updates = size(&first);
        let mut batch = vec![first];
        while updates < BATCH {
            let Ok(Some(request)) = timeout_at(until, self.requests.recv()).await else { break };
            updates += size(&request);
            batch.push(request);
        }
        batch
    }

    async fn carry_out(&mut self, connection: &mut Connection, batch: Vec<Request>) -> Result<(), Lost> {
        let mut operations = Vec::new();
        for request in &batch {
            match request {
                Request::Set { entries, .. } => operations.extend(entries.iter().map(|entry| {
                    let key = entry.key();
                    Operation::set(*entry, self.desired.insert(key, *entry).is_some())
                })),
                Request::Remove { keys, .. } => operations.extend(keys.iter().map(|key| {
                    self.desired.remove(key);
                    Operation::Delete(*key)
                })),
            }
        }
        let result = write(&self.target, connection, &operations).await;
        let (mut outcomes, mut lost) = match result {
            Ok(outcomes) => (outcomes.into_iter(), None),
            Err(lost) => (Vec::new().into_iter(), Some(lost)),
        };
        for request in batch {
            match request {
                Request::Set { entries, done } => {
                    let refused = outcomes.by_ref().take(entries.len()).flatten().reduce(|first, _| first);
                    let result = match refused {
                        _ if lost.is_some() => Err(self.unavailable()),
                        Some((code, message)) => {
                            Err(WriteError::Refused { switch: self.target.name.clone(), code, message })
                        }
                        None => Ok(()),
                    };
                    if result.is_err() {
                        for entry in &entries {
                            self.desired.remove(&entry.key());
                        }
                    }
                    // Whoever asked may be gone; then it removes the entries when their time comes.
                    let _ = done.send(result);
                }
                Request::Remove { keys, done } => {
                    let refused = outcomes.by_ref().take(keys.len()).flatten().reduce(|first, _| first);
                    if let Some((code, message)) = refused {
                        tracing::debug!(message, "refused because");
                        // Removals are confirmed in the order of their requests: reconcile before any later one.
                        lost = lost.or(Some(Lost::Undeleted { code }));
                    }
                    if lost.is_none() {
                        let _ = done.send(());
                    } else {
                        self.removed.push(done);
                    }
                }
            }
        }
        match lost {
            Some(lost) => Err(lost),
            None => Ok(()),
        }
    }
}
