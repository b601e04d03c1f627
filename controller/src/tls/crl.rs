use std::{collections::HashSet, path::Path};

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject as _};
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer as _, revocation_list::CertificateRevocationList, time::ASN1Time,
};

use super::CertificateId;

/// Why a file is no list of revoked certificates for these authorities. Only lists that answer for every certificate
/// are taken: with another one all clients, or none, would be refused.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] rustls_pki_types::pem::Error),
    /// It is no list.
    #[error("list {0}: is no list of revoked certificates")]
    Malformed(usize),
    /// It is another authority's.
    #[error("list {0}: is not signed by an authority of pki.ca; issuer: {1}")]
    Stranger(usize, String),
    /// One authority has two lists, of which only one would be looked at.
    #[error("list {0}: is a second one by {1}")]
    Second(usize, String),
    /// An authority has no list.
    #[error("has no list by {0}, an authority of pki.ca")]
    Missing(String),
    /// An authority is no certificate.
    #[error("pki.ca: certificate {0} is none")]
    Authority(usize),
}

/// The authorities' lists of revoked certificates.
#[derive(Debug, Clone)]
pub struct Crl {
    lists: Vec<CertificateRevocationListDer<'static>>,
    revoked: HashSet<CertificateId>,
}

impl Crl {
    /// Reads a file of lists in PEM, one for each authority.
    ///
    /// # Errors
    /// If it is none, or not of these authorities.
    pub fn load(path: &Path, authorities: &[CertificateDer<'_>]) -> Result<Self, CrlError> {
        let lists = CertificateRevocationListDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
        Self::new(lists, authorities)
    }

    fn new(
        lists: Vec<CertificateRevocationListDer<'static>>,
        authorities: &[CertificateDer<'_>],
    ) -> Result<Self, CrlError> {
        let mut without = Vec::new();
        for (n, authority) in authorities.iter().enumerate() {
            let (_, certificate) = X509Certificate::from_der(authority).map_err(|_| CrlError::Authority(n + 1))?;
            without.push(certificate);
        }
        let mut with = HashSet::new();
        let mut revoked = HashSet::new();
        for (n, der) in lists.iter().enumerate() {
            let (_, list) = CertificateRevocationList::from_der(der).map_err(|_| CrlError::Malformed(n + 1))?;
            let (issuer, name) = (list.issuer().as_raw(), list.issuer().to_string());
            if !with.insert(issuer.to_vec()) {
                return Err(CrlError::Second(n + 1, name));
            }
            let signed = |authority: &X509Certificate<'_>| {
                authority.subject().as_raw() == issuer && list.verify_signature(authority.public_key()).is_ok()
            };
            let authority = without.iter().position(signed).ok_or_else(|| CrlError::Stranger(n + 1, name.clone()))?;
            without.swap_remove(authority);
            if list.next_update().is_some_and(|end| end < ASN1Time::now()) {
                tracing::warn!(issuer = name, "pki.crl is past its next update; it still counts");
            }
            revoked.extend(
                list.iter_revoked_certificates().map(|certificate| CertificateId {
                    issuer: issuer.into(),
                    serial: certificate.raw_serial().into(),
                }),
            );
        }
        match without.first() {
            Some(authority) => Err(CrlError::Missing(authority.subject().to_string())),
            None => Ok(Self { lists, revoked }),
        }
    }

    /// The certificates that are revoked.
    pub fn revoked(&self) -> &HashSet<CertificateId> {
        &self.revoked
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> + use<> {
        self.lists.clone().into_iter()
    }
}
