//! What a client keeps: its keys, and what it has received.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mimiq_access::AccountId;
use mimiq_directory::{SigningKey, make_folder};
use mimiq_messages::{Address, AddressError, Identity, Snapshot, SnapshotError};
use rand::{CryptoRng, Rng as _};
use zeroize::Zeroizing;

/// A client's secrets: 32 bytes by which its provider knows it (Ed25519), and 32 that open its messages (X25519).
pub struct Keys(Zeroizing<[u8; 64]>);

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("{path}: {error}")]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another client runs with it.
    #[error("{0}: in use by another process")]
    InUse(PathBuf),
    /// No keys.
    #[error("{0}: not 64 bytes")]
    Keys(PathBuf),
    /// The library refuses the keys.
    #[error("{0}: no keys")]
    NoKeys(PathBuf),
    /// What was received cannot be read: to go on without would show messages twice.
    #[error("{path}: {error}")]
    Received {
        /// The file.
        path: PathBuf,
        /// Why.
        error: SnapshotError,
    },
}

/// A client's folder: for one process at a time.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Keys {
    /// Draws them.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        rng.fill(&mut *bytes);
        Self(bytes)
    }

    /// The secret by which the provider knows it.
    #[must_use]
    pub fn account(&self) -> &[u8; 32] {
        self.0.first_chunk().unwrap_or(&[0; 32])
    }

    /// What opens its messages.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::from_bytes(self.0.last_chunk().unwrap_or(&[0; 32]))
    }

    /// What it is called at a provider.
    ///
    /// # Errors
    /// If the provider cannot have that name.
    pub fn address(&self, provider: &str) -> Result<Address, AddressError> {
        // Any 32 bytes are a seed.
        let key = SigningKey::from_seed(self.account()).map(|key| key.public_key()).unwrap_or_else(|_| [0; 32].into());
        let account = AccountId::of(&key.0);
        Address::new(account.0, *self.identity().public_key(), provider)
    }
}

impl Folder {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or another process has it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        make_folder(path).map_err(at(path))?;
        let file = path.join("lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file).map_err(at(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(at(&file)(error)),
        }
    }

    /// The client's keys, which are made the first time.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub fn keys(&self, rng: &mut impl CryptoRng) -> Result<Keys, FolderError> {
        let path = self.path.join("client.keys");
        match File::open(&path) {
            Ok(mut file) => {
                let mut bytes = Zeroizing::new(Vec::new());
                file.read_to_end(&mut bytes).map_err(at(&path))?;
                let bytes = <[u8; 64]>::try_from(&bytes[..]).map_err(|_| FolderError::Keys(path))?;
                Ok(Keys(Zeroizing::new(bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = Keys::generate(rng);
                self.write("client.keys", &*keys.0)?;
                Ok(keys)
            }
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// What was received before.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn received(&self) -> Result<Snapshot, FolderError> {
        let path = self.path.join("received");
        match fs::read(&path) {
            Ok(bytes) => Snapshot::from_bytes(&bytes).map_err(|error| FolderError::Received { path, error }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Snapshot(Vec::new())),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Keeps what was received; on disk when it returns.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, received: &Snapshot) -> Result<(), FolderError> {
        self.write("received", &received.to_bytes())
    }

    /// Where the network's state is kept.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.new"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(at(&path))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Io { path, error }
}
