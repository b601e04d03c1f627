//! Accounts and inboxes (Loopix §3.2): messages wait on disk until their recipient has acknowledged them.
//!
//! One thread writes, and commits all that waits in one transaction (group commit), so that the disk's latency is paid once for many packets. Who
//! hands in a message does not wait for it, and who pulls does not either: readers see what was committed last.

mod file;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use mimiq_directory::Hex32;
use tokio::sync::oneshot;

use crate::AccountId;
use crate::config::InboxLimits;
use crate::frames::Pull;
use file::File;
use writer::{Command, Writer};

/// Commands that wait for the writer: some megabytes of messages.
const QUEUE: usize = 8192;

/// A message in an inbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number in the inbox: 1 or more, and growing.
    pub seq: u64,
    /// The name that its packet gave it.
    pub id: [u8; 16],
    /// What is left of the packet.
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for Message {
    /// Without what is in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, {} bytes)", self.seq, self.payload.len())
    }
}

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// There is an account now.
    New,
    /// There has been one already; no token was used.
    Already,
    /// Somebody else has used the token.
    TokenUsed,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    /// The disk does not keep up: the message is dropped.
    #[error("too many messages wait for the disk")]
    Overloaded,
    /// All payloads have the same size.
    #[error("payload: {length} bytes instead of {wanted}")]
    Length {
        /// Given.
        length: usize,
        /// Needed.
        wanted: usize,
    },
}

/// The disk failed, or does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be written at the moment")]
pub struct Unavailable;

/// A provider's accounts and inboxes, in one file. When it is dropped, what was handed in is written. After an error of the disk the file is opened again,
/// once a second until that succeeds; meanwhile nothing is read or stored.
#[derive(Debug)]
pub struct Store {
    file: Arc<File>,
    payload_len: usize,
    // Dropped before the thread is waited for, which ends when nobody is left to send.
    commands: SyncSender<Command>,
    writer: Thread,
}

#[derive(Debug)]
struct Thread(Option<JoinHandle<()>>);

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // Its panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Opens the file, or makes it. Only one process can have it open. All payloads will have `payload_len` bytes.
    ///
    /// # Errors
    /// If it is not accessible, in use, or no such file.
    pub fn open(path: &Path, limits: InboxLimits, payload_len: usize) -> Result<Self, redb::Error> {
        let file = Arc::new(File::open(path)?);
        let (commands, queue) = sync_channel(QUEUE);
        let writer = Writer::new(file.clone(), limits)?;
        let thread = std::thread::Builder::new().name("inboxes".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(Self { file, payload_len, commands, writer: Thread(Some(thread)) })
    }

    /// Whether messages are still stored: the thread that writes ends early only by a panic.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.writer.0.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Hands a message in. It counts once it was committed; until then a crash may lose it, as the network may have before.
    ///
    /// # Errors
    /// If the writer does not keep up (then it is dropped and counted), or it has not the right size.
    pub fn deliver(&self, recipient: AccountId, id: [u8; 16], payload: &[u8]) -> Result<(), DeliverError> {
        if payload.len() != self.payload_len {
            return Err(DeliverError::Length { length: payload.len(), wanted: self.payload_len });
        }
        let command = Command::Deliver { recipient, id, payload: payload.into() };
        self.commands.try_send(command).map_err(|_| {
            metrics::counter!("mimiq_provider_messages_dropped_total", "reason" => "overloaded").increment(1);
            DeliverError::Overloaded
        })
    }

    /// The first messages behind `seen`, in their order. Those up to `done` have arrived, and are deleted soon. Reads the disk, but never
    /// waits for the writer.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn pull(&self, account: AccountId, pull: Pull, count: usize) -> Result<Vec<Message>, redb::Error> {
        let (messages, done) =
            self.file.with(|database| tables::pull(database, account, pull, count, self.payload_len))?;
        if let Some(after) = done {
            // If there is no room for it, the next pull says so again.
            let _ = self.commands.try_send(Command::Acknowledge { account, after });
        }
        Ok(messages)
    }

    /// Makes an account for a client's public key, if there is none. `token` is the hash of a token, which is used up.
    /// When it returns, this is on disk.
    ///
    /// # Errors
    /// If the disk fails, or there is too much to do.
    pub async fn register(&self, key: &[u8; 32], token: Option<Hex32>) -> Result<Registered, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Register { account: AccountId::of(key), token: token.map(|hash| hash.0), reply };
        self.commands.try_send(command).map_err(|_| Unavailable)?;
        answer.await.map_err(|_| Unavailable)
    }

    /// Whether there is such an account. Reads the disk, but never waits for the writer.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn is_registered(&self, account: AccountId) -> Result<bool, redb::Error> {
        self.file.with(|database| tables::is_registered(database, account))
    }
}
