//! The database's file, opened anew after a failure: redb refuses everything after the first, as it does not know what was written.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use mimiq_directory::sync_folder_of;
use redb::Database;
use redb::backends::FileBackend;

/// Of the file in memory, bytes: the system has the rest.
const CACHE: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// None while it cannot be opened.
    database: RwLock<Option<Database>>,
}

impl File {
    /// Opens it, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, redb::Error> {
        let database = if path.try_exists()? { open(&mut OpenOptions::new(), path)? } else { create(path)? };
        Ok(Self { path: path.to_owned(), database: RwLock::new(Some(database)) })
    }

    /// Does something with the database. While that lasts it is not closed.
    pub(super) fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.as_ref().map_or(Err(redb::Error::PreviousIo), act)
    }

    /// Closes it and opens it again. What was committed is there, and of what failed all or nothing. Nobody waits for it but who reads at the moment.
    pub(super) fn reopen(&self) -> Result<(), redb::Error> {
        // Closed before it is opened: only one can have it.
        drop(self.replace(None));
        let database = open(&mut OpenOptions::new(), &self.path)?;
        self.replace(Some(database));
        Ok(())
    }

    fn replace(&self, database: Option<Database>) -> Option<Database> {
        let mut place = self.database.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, database)
    }
}

/// Makes the file: under another name first, as one that a crash has left half made would never open.
fn create(path: &Path) -> Result<Database, redb::Error> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // Whose messages wait is nobody else's business.
    let database = open(OpenOptions::new().create(true).truncate(true).mode(0o600), Path::new(&new))?;
    fs::rename(&new, path)?;
    // Before an account is acknowledged.
    sync_folder_of(path)?;
    Ok(database)
}

fn open(options: &mut OpenOptions, path: &Path) -> Result<Database, redb::Error> {
    let file = options.read(true).write(true).open(path)?;
    Ok(Database::builder().set_cache_size(CACHE).create_with_backend(FileBackend::new(file)?)?)
}
