//! The thread that writes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use redb::{Database, Durability};
use tokio::sync::oneshot;

use super::file::File;
use super::tables::{Delivered, Tables};
use super::{QUEUE, Registered};
use crate::AccountId;
use crate::config::InboxLimits;

/// From one commit to the next: what comes meanwhile shares a wait for the disk.
const PACE: Duration = Duration::from_millis(10);
/// How often old messages are looked for, and in how many inboxes each time: so that no commit takes long.
const SWEEP: Duration = Duration::from_secs(1);
const SWEPT: usize = 1000;
/// After a failure, from one attempt to open the file again to the next.
const REOPEN: Duration = Duration::from_secs(1);

/// What is to be written.
pub(super) enum Command {
    Deliver { recipient: AccountId, id: [u8; 16], payload: Box<[u8]> },
    Acknowledge { account: AccountId, after: u64 },
    Register { account: AccountId, token: Option<[u8; 32]>, reply: oneshot::Sender<Registered> },
}

/// What a transaction did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) stored: u64,
    pub(super) no_account: u64,
    pub(super) inbox_full: u64,
    pub(super) acknowledged: u64,
    pub(super) expired: u64,
    pub(super) registered: u64,
}

impl Counts {
    /// Whether something was written.
    fn changed(&self) -> bool {
        self.stored + self.acknowledged + self.expired + self.registered > 0
    }
}

pub(super) struct Writer {
    file: Arc<File>,
    limits: InboxLimits,
    /// The account that was swept last.
    cursor: Option<AccountId>,
    /// When the file is to be opened again, after a failure.
    reopen: Option<Instant>,
    /// Nothing has been written since a failure, which has been said.
    failing: bool,
}

impl Writer {
    pub(super) fn new(file: Arc<File>, limits: InboxLimits) -> Result<Self, redb::Error> {
        // So that readers find the tables.
        file.with(|database| {
            let transaction = database.begin_write()?;
            Tables::open(&transaction)?;
            Ok(transaction.commit()?)
        })?;
        Ok(Self { file, limits, cursor: None, reopen: None, failing: false })
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        let (mut committed, mut swept) = (Instant::now(), Instant::now());
        loop {
            let mut batch = Vec::new();
            let mut due = swept + SWEEP;
            let open = loop {
                match queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
                    Ok(command) => batch.push(command),
                    Err(RecvTimeoutError::Timeout) => break true,
                    Err(RecvTimeoutError::Disconnected) => break false,
                }
                // When it is due, all that waits is still taken, but no more than fits the queue.
                due = committed + PACE;
                if batch.len() >= QUEUE {
                    break true;
                }
            };
            let sweep = swept.elapsed() >= SWEEP;
            if sweep {
                swept = Instant::now();
            }
            committed = Instant::now();
            if !batch.is_empty() || sweep {
                self.commit(batch, sweep);
            }
            if !open {
                return;
            }
        }
    }

    fn commit(&mut self, batch: Vec<Command>, sweep: bool) {
        if self.reopen.is_some_and(|at| at <= Instant::now()) {
            let opened = self.file.reopen().inspect_err(|error| tracing::debug!(%error, "the store cannot be opened"));
            self.reopen = opened.is_err().then(|| Instant::now() + REOPEN);
        }
        let size = batch.iter().filter(|command| matches!(command, Command::Deliver { .. })).count();
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match self.write(batch, sweep, seconds) {
            Ok(counts) => {
                // A full disk can be opened and read: only what was written shows that it goes on.
                if self.failing && counts.changed() {
                    tracing::info!("the store is written again");
                    self.failing = false;
                }
                report(&counts);
            }
            Err(error) => {
                if !self.failing {
                    tracing::error!(%error, "the store cannot be written: messages are lost until it can");
                    self.failing = true;
                }
                self.reopen.get_or_insert_with(|| Instant::now() + REOPEN);
                count_dropped("store", size as u64);
            }
        }
    }

    /// One transaction. Replies are sent when it is on disk.
    pub(super) fn write(&mut self, batch: Vec<Command>, sweep: bool, now: u64) -> Result<Counts, redb::Error> {
        let file = self.file.clone();
        file.with(|database| self.write_to(database, batch, sweep, now))
    }

    fn write_to(
        &mut self,
        database: &Database,
        batch: Vec<Command>,
        sweep: bool,
        now: u64,
    ) -> Result<Counts, redb::Error> {
        let mut counts = Counts::default();
        let mut replies = Vec::new();
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        let mut tables = Tables::open(&transaction)?;
        for command in batch {
            match command {
                Command::Deliver { recipient, id, payload } => {
                    match tables.deliver((recipient, id, &payload), now, &self.limits)? {
                        Delivered::Stored => counts.stored += 1,
                        Delivered::NoAccount => counts.no_account += 1,
                        Delivered::InboxFull => counts.inbox_full += 1,
                    }
                }
                Command::Acknowledge { account, after } => counts.acknowledged += tables.acknowledge(account, after)?,
                Command::Register { account, token, reply } => {
                    let registered = tables.register(account, token)?;
                    counts.registered += u64::from(registered == Registered::New);
                    replies.push((reply, registered));
                }
            }
        }
        if sweep {
            let before = now.saturating_sub(self.limits.age_s);
            (counts.expired, self.cursor) = tables.expire(before, self.cursor, SWEPT)?;
        }
        let changed = tables.changed;
        drop(tables);
        if changed {
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        for (reply, registered) in replies {
            // Whoever asked may be gone.
            let _ = reply.send(registered);
        }
        Ok(counts)
    }
}

fn report(counts: &Counts) {
    let Counts { stored, no_account, inbox_full, acknowledged, expired, registered } = *counts;
    metrics::counter!("mimiq_provider_messages_total").increment(stored);
    metrics::counter!("mimiq_provider_messages_acknowledged_total").increment(acknowledged);
    metrics::counter!("mimiq_provider_accounts_registered_total").increment(registered);
    for (reason, count) in [("no_account", no_account), ("inbox_full", inbox_full), ("expired", expired)] {
        count_dropped(reason, count);
    }
}

fn count_dropped(reason: &'static str, count: u64) {
    if count > 0 {
        metrics::counter!("mimiq_provider_messages_dropped_total", "reason" => reason).increment(count);
    }
}
