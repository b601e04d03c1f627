//! The operator's authority: makes the controller's certificate, enrols clients and operators, and revokes them.
//!
//! The folder has `ca.pem`, `ca.key`, a pair `NAME.pem`, `NAME.key` for whoever is enrolled, `crl.pem` (RFC 5280), the
//! pairs of those revoked in `revoked/`, and `index.txt`, which says what was issued. Nothing that was issued is ever
//! overwritten. Clients and operators have the same authority; what tells them apart is the organizational unit.

mod files;
mod index;
mod issue;

use std::{io, path::Path, path::PathBuf};

use mimiq_contract::wellknown::CONTROLLER_NAME;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::OffsetDateTime;

pub use index::{Issued, Kind};
use {
    files::Folder,
    index::Index,
    issue::{certificate, revocation_list},
};

/// The DNS name in the controller's certificate, which agents, switches and `mimiqctl` check.
pub const SERVER_NAME: &str = CONTROLLER_NAME;
/// The organizational unit of operators' certificates; clients' have none.
pub const OPERATORS: &str = "operators";
/// The organizational unit of switches' certificates.
const SWITCHES: &str = "switches";
/// What the names of switches' files and certificates begin with.
const SWITCH: &str = "switch-";
/// The longest common name (RFC 5280, ub-common-name).
const MAX_NAME: usize = 64;
/// Names whose files are the authority's own.
const TAKEN: [&str; 4] = ["ca", "controller", "crl", SERVER_NAME];

/// Why nothing was made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that a file or a certificate cannot have.
    #[error(
        "name: {0:?}: must be 1 to {MAX_NAME} letters, digits, dots, underscores and hyphens, and not begin with a dot; \
             ca, controller, crl and {SERVER_NAME} are taken"
    )]
    Name(String),
    /// A name is a client or an operator, for good.
    #[error("name: {name}: is the name of {kind}")]
    Kind {
        /// The name.
        name: String,
        /// Whose it is.
        kind: Kind,
    },
    /// There is a valid certificate of this name.
    #[error("name: {0}: is enrolled already; revoke it first to replace it")]
    Enrolled(String),
    /// Nobody has that name.
    #[error("name: {0}: is not enrolled")]
    NotEnrolled(String),
    /// The index is damaged.
    #[error("{path}: line {line}: {problem}", path = .path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
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

/// Makes an authority, the controller's certificate, that of a first operator (`operator.pem`, `operator.key`), and a
/// list of revoked certificates that is empty.
///
/// # Errors
/// If one of the files exists or cannot be written.
pub fn init(dir: &Path) -> Result<(), PkiError> {
    let folder = Folder::make(dir)?;
    let mut params = CertificateParams::new(Vec::new())?;
    // Of its own: two authorities with one name could not both have a list of revoked certificates.
    params.distinguished_name.push(DnType::CommonName, format!("mimiq authority {:08x}", rand::random::<u32>()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    folder.add("ca.key", &key.serialize_pem(), 0o600)?;
    folder.add("ca.pem", &authority.pem(), 0o644)?;
    let issuer = Issuer::new(params, key);
    let mut index = Index::default();
    enter(&folder, &issuer, &mut index, Kind::Controller, "controller")?;
    enter(&folder, &issuer, &mut index, Kind::Operator, "operator")?;
    folder.add("crl.pem", &revocation_list(&issuer, &index, 1)?, 0o644)
}

/// Enrols somebody: makes `NAME.pem` and `NAME.key` with the authority of the folder. A switch's are called `switch-NAME`,
/// and its certificate is for the DNS name by which the controller knows it.
///
/// # Errors
/// If the name cannot be one, the authority is not there, or the name is enrolled already.
pub fn enrol(dir: &Path, kind: Kind, name: &str) -> Result<(), PkiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let full = if kind == Kind::Switch { format!("{SWITCH}{name}") } else { name.to_owned() };
    let fits = !name.is_empty() && full.len() <= MAX_NAME && name.chars().all(allowed) && !name.starts_with('.');
    if !fits || TAKEN.contains(&name) || kind == Kind::Controller {
        return Err(PkiError::Name(name.into()));
    }
    let name = &*full;
    let folder = Folder::open(dir)?;
    let mut index = folder.index()?;
    match index.latest(name) {
        Some(issued) if issued.kind != kind => return Err(PkiError::Kind { name: name.into(), kind: issued.kind }),
        Some(Issued { revoked: None, .. }) => return Err(PkiError::Enrolled(name.into())),
        _ => {}
    }
    enter(&folder, &folder.issuer()?, &mut index, kind, name)
}

fn enter(
    folder: &Folder,
    issuer: &Issuer<'_, KeyPair>,
    index: &mut Index,
    kind: Kind,
    file: &str,
) -> Result<(), PkiError> {
    let name = if kind == Kind::Controller { SERVER_NAME } else { file };
    let made = certificate(issuer, kind, name)?;
    let (pem, key) = (format!("{file}.pem"), format!("{file}.key"));
    folder.absent(&pem)?;
    folder.absent(&key)?;
    // First the index: what is not in it could not be revoked.
    index.push(made.issued);
    folder.set_index(index)?;
    folder.add(&key, &made.key, 0o600)?;
    folder.add(&pem, &made.certificate, 0o644)
}

/// Revokes a certificate other than the controller's: adds it to `crl.pem`, and puts its files away in `revoked/`. The
/// name can be enrolled anew then. Doing it again makes the list again, should it have been interrupted.
///
/// # Errors
/// If nobody has that name, or a file cannot be read or written.
pub fn revoke(dir: &Path, name: &str) -> Result<Issued, PkiError> {
    let folder = Folder::open(dir)?;
    let mut index = folder.index()?;
    let issued = match index.latest_mut(name) {
        Some(issued) if issued.kind != Kind::Controller => issued,
        _ => return Err(PkiError::NotEnrolled(name.into())),
    };
    issued.revoked.get_or_insert_with(now);
    let issued = issued.clone();
    folder.set_index(&index)?;
    let number = folder.crl_number()?.saturating_add(1);
    folder.replace("crl.pem", &revocation_list(&folder.issuer()?, &index, number)?, 0o644)?;
    folder.put_away(&issued)?;
    Ok(issued)
}

/// What the authority has issued, in that order.
///
/// # Errors
/// If the index cannot be read.
pub fn list(dir: &Path) -> Result<Vec<Issued>, PkiError> {
    Ok(Folder::open(dir)?.index()?.into_all())
}

/// Now, in whole seconds, as certificates have it.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

#[cfg(test)]
mod tests;
