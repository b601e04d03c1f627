//! Files that a crash leaves as they were, or as they are to be.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use mimiq_directory::sync_folder_of;

/// Puts these bytes in place of a file. They are on disk when it returns.
///
/// # Errors
/// If the system refuses; the file is as before, then, or complete.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder_of(path)
}

/// A file's bytes; none if it is not there.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
