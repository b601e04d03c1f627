//! What an authority must not lose: `signed.json`, `state.json`, and `descriptors/IDENTITY.json`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use mimiq_directory::{Descriptor, Hex32, make_folder};

use crate::{Signed, durable};

/// A folder, for one process at a time: two with one key could sign two texts with one serial.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    _lock: File,
}

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refuses.
    #[error("data: {path}: {error}")]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another process uses it.
    #[error("data: {0} is used by another process")]
    Locked(PathBuf),
    /// A file was damaged. To go on without it would be to forget what was signed.
    #[error("data: {path}: {error}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { path, error }
}

impl Store {
    /// Opens a folder, or makes it.
    ///
    /// # Errors
    /// If it cannot be made, or is in use.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let descriptors = folder.join("descriptors");
        make_folder(&descriptors).map_err(at(&descriptors))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }

    /// What was signed last.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn signed(&self) -> Result<Option<Signed>, StoreError> {
        let path = self.folder.join("signed.json");
        let bytes = durable::read(&path).map_err(at(&path))?;
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        bytes.map(read).transpose().map_err(|error| StoreError::Damaged { path, error })
    }

    /// Remembers what is about to be signed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_signed(&self, signed: &Signed) -> Result<(), StoreError> {
        let path = self.folder.join("signed.json");
        let bytes = serde_json::to_vec(signed).map_err(|error| at(&path)(error.into()))?;
        durable::write(&path, &bytes).map_err(at(&path))
    }

    /// The newest published state, as it was stored.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn state(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.folder.join("state.json");
        durable::read(&path).map_err(at(&path))
    }

    /// Remembers a published state.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_state(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.join("state.json");
        durable::write(&path, bytes).map_err(at(&path))
    }

    /// What nodes have said. What is damaged is skipped: nodes say it again.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn descriptors(&self) -> Result<Vec<Descriptor>, StoreError> {
        let folder = self.folder.join("descriptors");
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry.map_err(at(&folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = durable::read(&path).map_err(at(&path))?.unwrap_or_default();
            match serde_json::from_slice::<Vec<Descriptor>>(&bytes) {
                Ok(said) => all.extend(said),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a stored descriptor is damaged"),
            }
        }
        Ok(all)
    }

    /// Remembers what a node has said last: descriptors as JSON.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_descriptors<'a>(
        &self,
        identity: &Hex32,
        descriptors: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), StoreError> {
        let path = self.folder.join("descriptors").join(format!("{identity}.json"));
        durable::write(&path, &list(descriptors)).map_err(at(&path))
    }
}

/// JSON values as one list.
pub(crate) fn list<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = b"[".to_vec();
    for value in values {
        if list.len() > 1 {
            list.push(b',');
        }
        list.extend(value);
    }
    list.push(b']');
    list
}
