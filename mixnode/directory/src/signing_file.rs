//! The secret of an authority or of a node's identity in a file: its 32-byte seed, mode 0600.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rand::{CryptoRng, Rng as _};
use zeroize::Zeroizing;

use crate::key_files::{at, read_secret};
use crate::{KeyFileError, SigningKey, sync_folder_of};

impl SigningKey {
    /// Reads a key.
    ///
    /// # Errors
    /// If the file cannot be read, is not 32 bytes long, or is open to others than its owner.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let mode = path.metadata().map_err(at(path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Mode { path: path.to_owned(), mode });
        }
        from_seed(path, &*read_secret(path)?)
    }

    /// Makes a key and writes it. After a crash the file is complete, or not there.
    ///
    /// # Errors
    /// If the file cannot be written, or is there already: a key is never overwritten.
    pub fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<Self, KeyFileError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill(&mut *seed);
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let write = || {
            // What a crash has left. Nobody has seen it.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&*seed)?;
            file.sync_all()?;
            // Other than a rename, this leaves alone what is there.
            let linked = fs::hard_link(&new, path);
            fs::remove_file(&new)?;
            linked?;
            sync_folder_of(path)
        };
        write().map_err(at(path))?;
        // From the file, in case that two were made at a time.
        Self::read(path)
    }
}

fn from_seed(path: &Path, seed: &[u8; 32]) -> Result<SigningKey, KeyFileError> {
    SigningKey::from_seed(seed).map_err(|rejected| at(path)(io::Error::other(rejected.to_string())))
}
