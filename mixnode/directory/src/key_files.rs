//! A node's keys in a folder, so that a restart keeps them: one file of 32 bytes for each epoch.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mimiq_sphinx::SecretKey;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{KeyRing, Schedule, make_folder, sync_folder_of};

/// A key that is not completely written.
const UNFINISHED: &str = "new";

/// A [`KeyRing`] and its files. One process at a time may use a folder.
#[derive(Debug)]
pub struct KeyFiles {
    folder: PathBuf,
    schedule: Schedule,
    ring: KeyRing,
    /// The epochs whose keys a former process left.
    found: Vec<u64>,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refuses.
    #[error("{path}: {error}")]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A key has 32 bytes.
    #[error("{path}: not 32 bytes")]
    Length {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner could read the secret.
    #[error("{path}: mode {mode:03o} is not 600")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl KeyFiles {
    /// Reads what a former process left in a folder (made if it is not there), and brings it up to date.
    ///
    /// # Errors
    /// If a file cannot be read, written or removed, or is no key. Other files than keys are left alone.
    pub fn open(folder: &Path, schedule: Schedule, now: u64, rng: &mut impl CryptoRng) -> Result<Self, KeyFileError> {
        make_folder(folder).map_err(at(folder))?;
        let mut files = Self { folder: folder.to_owned(), schedule, ring: KeyRing::default(), found: Vec::new() };
        for entry in fs::read_dir(folder).map_err(at(folder))? {
            let path = entry.map_err(at(folder))?.path();
            match epoch_of(&path) {
                // Nobody has seen it, as a key is published only when its file is complete.
                Some(_) if is_unfinished(&path) => fs::remove_file(&path).map_err(at(&path))?,
                // It is not even read: a key past its grace must not be in memory again.
                Some(epoch) if schedule.is_over(epoch, now) => files.remove(epoch)?,
                Some(epoch) => {
                    files.ring.add(epoch, read(&path)?);
                    files.found.push(epoch);
                }
                None => {}
            }
        }
        files.advance(now, rng)?;
        Ok(files)
    }

    /// Destroys the keys past their grace, on disk and in memory, and makes those that are needed: to be called at least at the start of each epoch and at
    /// the end of each grace.
    ///
    /// # Errors
    /// If a file cannot be removed or written. The next call tries again; until then a key that could not be removed is not accepted, and one
    /// that could not be written is not published.
    pub fn advance(&mut self, now: u64, rng: &mut impl CryptoRng) -> Result<(), KeyFileError> {
        let over: Vec<u64> = self.ring.epochs().filter(|epoch| self.schedule.is_over(*epoch, now)).collect();
        // Each is tried: one that stays must keep neither the others nor the node from going on.
        let removed: Vec<_> = over.into_iter().map(|epoch| self.remove(epoch)).collect();
        let removed: Result<(), KeyFileError> = removed.into_iter().collect();
        if removed.is_ok() {
            // Memory forgets no sooner than the disk, so that the next call knows what is left there.
            self.ring.expire(&self.schedule, now);
        }
        for epoch in self.ring.missing(&self.schedule, now) {
            let key = SecretKey::generate(rng);
            self.write(epoch, &key)?;
            self.ring.add(epoch, key);
        }
        removed
    }

    /// Makes another key for an epoch in place of the one that must not be used any more. Packets for that are lost.
    ///
    /// # Errors
    /// If a file cannot be removed or written. Then the old key is gone, at least from memory.
    pub fn renew(&mut self, epoch: u64, rng: &mut impl CryptoRng) -> Result<(), KeyFileError> {
        self.ring.remove(epoch);
        self.found.retain(|found| *found != epoch);
        self.remove(epoch)?;
        let key = SecretKey::generate(rng);
        self.write(epoch, &key)?;
        self.ring.add(epoch, key);
        Ok(())
    }

    /// Whether the key of an epoch is one that a former process left: packets may have been taken for it.
    #[must_use]
    pub fn was_found(&self, epoch: u64) -> bool {
        self.found.contains(&epoch)
    }

    /// The keys.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// When they come and go.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn path(&self, epoch: u64) -> PathBuf {
        self.folder.join(format!("epoch-{epoch}.key"))
    }

    fn write(&self, epoch: u64, key: &SecretKey) -> Result<(), KeyFileError> {
        let path = self.path(epoch);
        let new = path.with_extension(UNFINISHED);
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(key.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            // Before anybody hears of the key: else a crash could lose it while packets for it are on their way.
            sync_folder_of(&path)
        };
        write().map_err(at(&path))
    }

    fn remove(&self, epoch: u64) -> Result<(), KeyFileError> {
        let path = self.path(epoch);
        let remove = || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_folder_of(&path),
        };
        remove().map_err(at(&path))
    }
}

pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |error| KeyFileError::Io { path, error }
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == UNFINISHED)
}

/// Of a file of ours, complete or not. Each epoch has one spelling.
fn epoch_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_prefix("epoch-")?;
    let digits = digits.strip_suffix(".key").or_else(|| digits.strip_suffix(".new"))?;
    digits.parse().ok().filter(|epoch: &u64| epoch.to_string() == digits)
}

fn read(path: &Path) -> Result<SecretKey, KeyFileError> {
    read_secret(path).map(|bytes| SecretKey::from_bytes(*bytes))
}

/// 32 bytes, and nothing else.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    let mut more = [0];
    let read = File::open(path).and_then(|mut file| {
        file.read_exact(&mut *bytes)?;
        file.read(&mut more)
    });
    match read {
        Ok(0) => Ok(bytes),
        Ok(_) => Err(KeyFileError::Length { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(KeyFileError::Length { path: path.to_owned() })
        }
        Err(error) => Err(at(path)(error)),
    }
}
