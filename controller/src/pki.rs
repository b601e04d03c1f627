//! The operator's authority: makes the controller's certificate and enrols clients.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// The DNS name in the controller's certificate, which agents check.
pub const SERVER_NAME: &str = "mimiq-controller";
/// The longest common name (RFC 5280, ub-common-name).
const MAX_NAME: usize = 64;

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that a file or a certificate cannot have.
    #[error(
        "name: {0:?}: must be 1 to {MAX_NAME} letters, digits, dots, underscores and hyphens, and not begin with a dot; \
             ca and controller are taken"
    )]
    Name(String),
    /// A file cannot be read or written; nothing is ever overwritten.
    #[error("{path}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A certificate cannot be made or read.
    #[error("certificate")]
    Certificate(#[from] rcgen::Error),
}

/// Makes an authority and the controller's certificate in a folder: `ca.pem`, `ca.key`, `controller.pem`,
/// `controller.key`.
///
/// # Errors
/// If one of the files exists or cannot be written.
pub fn init(dir: &Path) -> Result<(), PkiError> {
    let file = |path: &Path, source| PkiError::File { path: path.into(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| file(dir, source))?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "mimiq authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    write(&dir.join("ca.key"), &key.serialize_pem(), 0o600)?;
    write(&dir.join("ca.pem"), &certificate.pem(), 0o644)?;
    issue(dir, &Issuer::new(params, key), "controller", SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth)
}

/// Enrols a client: makes `NAME.pem` and `NAME.key` with the authority of the folder.
///
/// # Errors
/// If the name cannot be one, the authority is not there, or the client is enrolled already.
pub fn enrol(dir: &Path, name: &str) -> Result<(), PkiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.');
    if !fits || name == "ca" || name == "controller" {
        return Err(PkiError::Name(name.into()));
    }
    let key = KeyPair::from_pem(&read(&dir.join("ca.key"))?)?;
    let issuer = Issuer::from_ca_cert_pem(&read(&dir.join("ca.pem"))?, key)?;
    issue(dir, &issuer, name, name, ExtendedKeyUsagePurpose::ClientAuth)
}

fn issue(
    dir: &Path,
    issuer: &Issuer<'_, KeyPair>,
    file: &str,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> Result<(), PkiError> {
    let names = if usage == ExtendedKeyUsagePurpose::ServerAuth { vec![name.to_owned()] } else { Vec::new() };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    write(&dir.join(format!("{file}.key")), &key.serialize_pem(), 0o600)?;
    write(&dir.join(format!("{file}.pem")), &certificate.pem(), 0o644)
}

fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::File { path: path.into(), source })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let write = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes());
    write().map_err(|source| PkiError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_private_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("pki");
        init(&dir).unwrap();
        enrol(&dir, "alice").unwrap();
        for key in ["ca.key", "controller.key", "alice.key"] {
            assert_eq!(fs::metadata(dir.join(key)).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        }
        assert!(matches!(init(&dir), Err(PkiError::File { path, .. }) if path.ends_with("ca.key")));
        assert!(matches!(enrol(&dir, "alice"), Err(PkiError::File { path, .. }) if path.ends_with("alice.key")));
        for name in ["", "../x", ".x", "ca", "controller", "a b", &"x".repeat(65)] {
            assert!(matches!(enrol(&dir, name), Err(PkiError::Name(_))), "{name:?}");
        }
    }
}
