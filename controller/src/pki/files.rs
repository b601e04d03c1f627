use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rcgen::{Issuer, KeyPair};
use rustix::fs::{FlockOperation, flock};
use rustls_pki_types::{CertificateRevocationListDer, pem::PemObject as _};
use x509_parser::{prelude::FromDer as _, revocation_list::CertificateRevocationList};

use super::{Index, Issued, PkiError};

const INDEX: &str = "index.txt";

/// An authority's folder; others that would change it wait until it is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn make(path: &Path) -> Result<Self, PkiError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        Self::open(path)
    }

    pub(super) fn open(path: &Path) -> Result<Self, PkiError> {
        let folder = File::open(path).map_err(at(path))?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| at(path)(error.into()))?;
        Ok(Self { path: path.into(), _lock: folder })
    }

    fn read(&self, name: &str) -> Result<String, PkiError> {
        let path = self.path.join(name);
        fs::read_to_string(&path).map_err(at(&path))
    }

    /// Refuses if there is such a file.
    pub(super) fn absent(&self, name: &str) -> Result<(), PkiError> {
        let path = self.path.join(name);
        match fs::symlink_metadata(&path) {
            Ok(_) => Err(at(&path)(io::ErrorKind::AlreadyExists.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Writes a file that is not there yet.
    pub(super) fn add(&self, name: &str, text: &str, mode: u32) -> Result<(), PkiError> {
        let path = self.path.join(name);
        create(&path, text, mode).map_err(at(&path))
    }

    /// Replaces a file: whoever reads it sees the old text or the new one, and so after a crash.
    pub(super) fn replace(&self, name: &str, text: &str, mode: u32) -> Result<(), PkiError> {
        let (path, new) = (self.path.join(name), self.path.join(format!(".{name}.new")));
        let write = || {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            create(&new, text, mode)?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(at(&path))
    }

    pub(super) fn issuer(&self) -> Result<Issuer<'static, KeyPair>, PkiError> {
        let key = KeyPair::from_pem(&self.read("ca.key")?)?;
        Ok(Issuer::from_ca_cert_pem(&self.read("ca.pem")?, key)?)
    }

    pub(super) fn index(&self) -> Result<Index, PkiError> {
        let text = self.read(INDEX)?;
        Index::parse(&text).map_err(|(line, problem)| PkiError::Index { path: self.path.join(INDEX), line, problem })
    }

    pub(super) fn set_index(&self, index: &Index) -> Result<(), PkiError> {
        self.replace(INDEX, &index.to_string(), 0o600)
    }

    /// The number of the list of revoked certificates; 0 if there is none any more.
    pub(super) fn crl_number(&self) -> Result<u64, PkiError> {
        let path = self.path.join("crl.pem");
        let der = match CertificateRevocationListDer::from_pem_file(&path) {
            Ok(der) => der,
            Err(rustls_pki_types::pem::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(at(&path)(io::Error::new(io::ErrorKind::InvalidData, error))),
        };
        let number = CertificateRevocationList::from_der(&der)
            .ok()
            .and_then(|(_, list)| list.crl_number().and_then(|number| u64::try_from(number.clone()).ok()));
        number
            .ok_or_else(|| at(&path)(io::Error::new(io::ErrorKind::InvalidData, "is no list of revoked certificates")))
    }

    /// Moves the files of a revoked certificate out of the way of a new one.
    pub(super) fn put_away(&self, issued: &Issued) -> Result<(), PkiError> {
        let folder = self.path.join("revoked");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(at(&folder))?;
        for kind in ["pem", "key"] {
            let path = self.path.join(format!("{}.{kind}", issued.name));
            match fs::rename(&path, folder.join(format!("{}-{}.{kind}", issued.name, issued.serial))) {
                // The pair may be with its owner alone.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PkiError + use<> {
    let path = path.to_owned();
    move |source| PkiError::File { path, source }
}

fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
