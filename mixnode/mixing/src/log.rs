//! The fingerprints of an epoch on disk.
//!
//! A header of 64 bytes (magic 8, epoch 8, boot 16, whether it was closed 1, whether tags may be missing 1, zeros), then 8 bytes for each fingerprint. What is written is safe from the process's
//! death at once. From the machine's it is not, and need not be: the header tells that the machine was started anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

const MAGIC: [u8; 8] = *b"mimiqrp1";
const HEADER: u64 = 64;
const RECORD: usize = 8;
/// Fingerprints read at once.
const CHUNK: usize = 1 << 16;

pub(crate) struct Log {
    file: File,
    /// Bytes that count.
    end: u64,
    epoch: u64,
    boot: [u8; 16],
    /// The machine went down while it was open: that stays so.
    incomplete: bool,
    /// A write failed, and what it left could not be cut off.
    broken: bool,
}

/// How a log was found.
pub(crate) enum State {
    /// It was not there.
    New,
    /// Nothing is missing.
    Whole,
    /// The machine went down while it was open.
    Incomplete,
}

impl Log {
    /// Opens or makes the log, and gives all fingerprints in it to `seen`.
    pub(crate) fn open(
        path: &Path,
        epoch: u64,
        boot: [u8; 16],
        mut seen: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<(Self, State)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let length = file.metadata()?.len();
        let mut log = Self { file: file.try_clone()?, end: HEADER, epoch, boot, incomplete: false, broken: false };
        // A process that dies while it makes the file has let no packet through.
        if length < HEADER {
            file.set_len(0)?;
            log.head(false)?;
            return Ok((log, State::New));
        }
        let mut header = [0; HEADER as usize];
        file.read_exact(&mut header)?;
        if header[..8] != MAGIC || header[8..16] != epoch.to_le_bytes() {
            let message = format!("{}: not the replay log of epoch {epoch}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        log.incomplete = header[33] == 1 || header[16..32] != boot && header[32] == 0;
        // The process may have died within a record: its packet was not let through.
        log.end = length - (length - HEADER) % RECORD as u64;
        file.set_len(log.end)?;
        let mut left = ((log.end - HEADER) / RECORD as u64) as usize;
        let mut chunk = vec![0; CHUNK * RECORD];
        while left > 0 {
            let now = left.min(CHUNK);
            file.read_exact(&mut chunk[..now * RECORD])?;
            for record in chunk[..now * RECORD].as_chunks::<RECORD>().0 {
                seen(u64::from_le_bytes(*record))?;
            }
            left -= now;
        }
        log.head(false)?;
        let state = if log.incomplete { State::Incomplete } else { State::Whole };
        Ok((log, state))
    }

    /// Writes the fingerprints behind the others, all or none.
    pub(crate) fn append(&mut self, fingerprints: &[u64]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed and could not be undone"));
        }
        let bytes: Vec<u8> = fingerprints.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()).collect();
        match self.file.write_all_at(&bytes, self.end) {
            Ok(()) => {
                self.end += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.broken = self.file.set_len(self.end).is_err();
                Err(error)
            }
        }
    }

    /// Says in the file that it has all that this process let through.
    pub(crate) fn close(self) -> io::Result<()> {
        self.file.sync_data()?;
        self.head(true)
    }

    fn head(&self, closed: bool) -> io::Result<()> {
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        header[16..32].copy_from_slice(&self.boot);
        header[32] = closed.into();
        header[33] = self.incomplete.into();
        self.file.write_all_at(&header, 0)?;
        self.file.sync_all()
    }
}
