//! The keys that packets are taken for, each with the replay tags of its epoch.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mimiq_directory::{KeyFileError, KeyFiles, KeyOf, Schedule};
use mimiq_mixing::{Found, ReplayError, ReplayGuard};
use mimiq_sphinx::{Geometry, Unwrapper};
use rand::CryptoRng;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// A key file.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// A replay log.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Another file.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// An epoch's key and tags.
pub(crate) struct Epoch {
    pub(crate) number: u64,
    pub(crate) unwrapper: Unwrapper,
    pub(crate) tags: Mutex<ReplayGuard>,
}

/// What those who unwrap share: the accepted epochs, newest last.
#[derive(Default)]
pub(crate) struct Accepted(Mutex<Arc<[Arc<Epoch>]>>);

impl Accepted {
    pub(crate) fn now(&self) -> Arc<[Arc<Epoch>]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, epochs: Vec<Arc<Epoch>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = epochs.into();
    }
}

/// A node's keys and replay logs on disk.
pub(crate) struct Epochs {
    folder: PathBuf,
    files: KeyFiles,
    geometry: Geometry,
    most_tags: usize,
    boot: [u8; 16],
    open: Vec<Arc<Epoch>>,
    accepted: Arc<Accepted>,
}

impl Epochs {
    /// Reads what is in the node's folder, or makes it, at a time (seconds since 1970). An epoch's log has room for so many tags.
    pub(crate) fn open(
        folder: &Path,
        schedule: Schedule,
        geometry: Geometry,
        most_tags: usize,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, EpochError> {
        let files = KeyFiles::open(&folder.join("keys"), schedule, now, rng)?;
        let (boot, accepted) = (boot()?, Arc::default());
        let mut epochs =
            Self { folder: folder.to_owned(), files, geometry, most_tags, boot, open: Vec::new(), accepted };
        epochs.advance(now, rng)?;
        Ok(epochs)
    }

    /// The keys that are accepted, for those who unwrap.
    pub(crate) fn accepted(&self) -> Arc<Accepted> {
        self.accepted.clone()
    }

    /// What the node publishes now.
    pub(crate) fn published(&self, now: u64) -> Vec<KeyOf> {
        self.files.ring().published(self.files.schedule(), now)
    }

    /// How time is cut into epochs.
    pub(crate) fn cut(&self) -> mimiq_directory::Epochs {
        self.files.schedule().epochs()
    }

    /// The epoch at a time.
    pub(crate) fn number(&self, now: u64) -> Option<u64> {
        self.cut().at(now)
    }

    /// Whether keys have to be made or destroyed, or the log of one that is to be accepted could not be opened yet.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        let (ring, schedule) = (self.files.ring(), self.files.schedule());
        !ring.missing(schedule, now).is_empty()
            || ring.epochs().any(|epoch| schedule.is_over(epoch, now))
            || ring.accepted(schedule, now).any(|(number, _)| !self.is_open(number))
    }

    /// Makes keys that are needed, destroys those that are over, with their tags: to be called at the start of each epoch and the end of each grace.
    ///
    /// # Errors
    /// If a file cannot be read, written or removed. What can be done is done nevertheless: an epoch whose log cannot be opened is not accepted, and
    /// keeps no other one from ending.
    pub(crate) fn advance(&mut self, now: u64, rng: &mut impl CryptoRng) -> Result<(), EpochError> {
        let advanced = self.files.advance(now, rng);
        let schedule = *self.files.schedule();
        let numbers: Vec<u64> = self.files.ring().accepted(&schedule, now).map(|(number, _)| number).collect();
        self.open.retain(|epoch| numbers.contains(&epoch.number));
        let mut opened = Ok(());
        for number in &numbers {
            if !self.is_open(*number) {
                match self.open_epoch(*number, now, rng) {
                    Ok(epoch) => self.open.extend(epoch.map(Arc::new)),
                    Err(error) => opened = Err(error),
                }
            }
        }
        self.open.sort_by_key(|epoch| epoch.number);
        self.accepted.set(self.open.clone());
        self.forget(&numbers)?;
        advanced?;
        opened
    }

    fn is_open(&self, number: u64) -> bool {
        self.open.iter().any(|epoch| epoch.number == number)
    }

    /// Closes the logs, when nobody unwraps any more: they are then known to be whole after a restart of the machine as well.
    pub(crate) fn close(self) -> Result<(), EpochError> {
        self.accepted.set(Vec::new());
        for epoch in self.open {
            // Someone who still unwraps keeps it: then it stays as after a crash.
            if let Some(epoch) = Arc::into_inner(epoch) {
                epoch.tags.into_inner().unwrap_or_else(PoisonError::into_inner).close()?;
            }
        }
        Ok(())
    }

    fn open_epoch(&mut self, number: u64, now: u64, rng: &mut impl CryptoRng) -> Result<Option<Epoch>, EpochError> {
        let path = self.log(number);
        let (mut guard, found) = ReplayGuard::open(&path, number, self.boot, self.most_tags)?;
        // Tags are missing: with the same key, recorded packets would go through once more.
        let why = match found {
            Found::Incomplete => Some("the machine went down"),
            Found::Nothing if self.files.was_found(number) => Some("its tags are gone"),
            Found::Nothing | Found::Whole { .. } => None,
        };
        if let Some(why) = why {
            tracing::warn!(epoch = number, why, "the key of an epoch is replaced");
            drop(guard);
            // In this order: if the log stays, the next attempt must not draw yet another key; and a key without its log is replaced, too.
            remove(&path)?;
            self.files.renew(number, rng)?;
            guard = ReplayGuard::open(&path, number, self.boot, self.most_tags)?.0;
        }
        let schedule = *self.files.schedule();
        let mut keys = self.files.ring().accepted(&schedule, now);
        let key = keys.find(|(epoch, _)| *epoch == number).map(|(_, key)| key.clone());
        let unwrapper = key.map(|key| Unwrapper::new(self.geometry, key));
        Ok(unwrapper.map(|unwrapper| Epoch { number, unwrapper, tags: Mutex::new(guard) }))
    }

    fn log(&self, number: u64) -> PathBuf {
        self.folder.join(format!("epoch-{number}.tags"))
    }

    /// Removes the logs of epochs whose keys are gone.
    fn forget(&self, but: &[u64]) -> Result<(), EpochError> {
        let at = |error| EpochError::Io { path: self.folder.clone(), error };
        for entry in fs::read_dir(&self.folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_prefix("epoch-").and_then(|name| name.strip_suffix(".tags"));
            if number.and_then(|digits| digits.parse().ok()).is_some_and(|number: u64| !but.contains(&number)) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), EpochError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EpochError::Io { path: path.to_owned(), error }),
        _ => Ok(()),
    }
}

/// Names this run of the machine.
fn boot() -> Result<[u8; 16], EpochError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = fs::read_to_string(path).map_err(|error| EpochError::Io { path: path.to_owned(), error })?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map(u128::to_be_bytes).map_err(|error| EpochError::Io {
        path: path.to_owned(),
        error: io::Error::new(io::ErrorKind::InvalidData, error),
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Something is in the place of an epoch's log: neither does the node go on with a key that is over, nor without the epoch once there is room.
    #[test]
    fn a_log_that_cannot_be_opened_is_tried_again_and_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let schedule = Schedule::new(mimiq_directory::Epochs { genesis: 0, length: 100 }, 10).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut epochs = Epochs::open(folder.path(), schedule, Geometry::default(), 100, 150, &mut rng).unwrap();
        let accepted = epochs.accepted();
        let accepted = || accepted.now().iter().map(|epoch| epoch.number).collect::<Vec<_>>();
        assert_eq!(accepted(), [1, 2]);
        let in_place = folder.path().join("epoch-3.tags");
        fs::create_dir(&in_place).unwrap();
        for now in [210, 211] {
            assert!(epochs.is_due(now));
            assert!(epochs.advance(now, &mut rng).is_err());
            assert_eq!(accepted(), [2]);
            assert!(!folder.path().join("epoch-1.tags").exists());
        }
        fs::remove_dir(&in_place).unwrap();
        assert!(epochs.is_due(212));
        epochs.advance(212, &mut rng).unwrap();
        assert_eq!(accepted(), [2, 3]);
        assert!(!epochs.is_due(212));
    }
}
