//! Replay protection that outlives the process (Loopix §3.2): a packet is let through only when its tag is in the log.
//!
//! One write for a batch of tags, and no wait for the disk: what was written outlives SIGKILL. If the machine goes down, tags may be missing; the
//! next start finds out and says so, and the epoch's key must not be used again.

use std::io;
use std::path::Path;

use crate::filter::{Filter, Outcome};
use crate::log::{Log, State};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Never seen before; from now on it has been.
    Fresh,
    /// Seen before.
    Replayed,
    /// There is no room to remember it: it is to be dropped.
    NoRoom,
}

/// What an earlier process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the epoch is new here.
    Nothing,
    /// All tags that it let through.
    Whole {
        /// How many.
        tags: usize,
    },
    /// The machine went down meanwhile: some tags may be missing, and the epoch's key must not be used again.
    Incomplete,
}

/// Why tags cannot be remembered.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read or written, or is another's.
    #[error("replay log: {0}")]
    Log(#[from] io::Error),
}

/// The tags of a key epoch.
pub struct ReplayGuard {
    filter: Filter,
    log: Log,
    fresh: Vec<u64>,
}

impl ReplayGuard {
    /// Reads the log of an epoch, or makes it; for at most so many tags. `boot` names this run of the machine (`/proc/sys/kernel/random/boot_id`).
    ///
    /// # Errors
    /// If the file cannot be read, written or locked, is another epoch's, or holds more than `most` tags.
    pub fn open(file: &Path, epoch: u64, boot: [u8; 16], most: usize) -> Result<(Self, Found), ReplayError> {
        let mut filter = Filter::new(most);
        let (log, state) = Log::open(file, epoch, boot, |fingerprint| match filter.insert(fingerprint) {
            Outcome::Inserted | Outcome::Present => Ok(()),
            Outcome::NoRoom => Err(io::Error::other(format!("{}: more than {most} tags", file.display()))),
        })?;
        let found = match state {
            State::New => Found::Nothing,
            State::Whole => Found::Whole { tags: filter.len() },
            State::Incomplete => Found::Incomplete,
        };
        Ok((Self { filter, log, fresh: Vec::new() }, found))
    }

    /// Appends a verdict for each tag of a batch to `verdicts`. When it returns, what is fresh is in the log.
    ///
    /// # Errors
    /// If the log cannot be written: then no packet of the batch may go on, and none is remembered.
    pub fn admit(&mut self, tags: &[[u8; 16]], verdicts: &mut Vec<Verdict>) -> Result<(), ReplayError> {
        self.fresh.clear();
        let before = verdicts.len();
        for tag in tags {
            let fingerprint = fingerprint(tag);
            verdicts.push(match self.filter.insert(fingerprint) {
                Outcome::Inserted => {
                    self.fresh.push(fingerprint);
                    Verdict::Fresh
                }
                Outcome::Present => Verdict::Replayed,
                Outcome::NoRoom => Verdict::NoRoom,
            });
        }
        if self.fresh.is_empty() {
            return Ok(());
        }
        self.log.append(&self.fresh).map_err(|error| {
            self.fresh.iter().for_each(|fingerprint| self.filter.remove(*fingerprint));
            verdicts.truncate(before);
            error.into()
        })
    }

    /// How many tags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filter.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that they take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.filter.memory()
    }

    /// Leaves a log that is known to be whole, also after a restart of the machine.
    ///
    /// # Errors
    /// If it cannot be written: then it is whole for this run of the machine.
    pub fn close(self) -> Result<(), ReplayError> {
        Ok(self.log.close()?)
    }
}

fn fingerprint(tag: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *tag;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
