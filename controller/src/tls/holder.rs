use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::pki::Kind;

/// What names a certificate among all: its issuer and its serial number (RFC 5280 §4.1.2.2), in DER.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateId {
    pub(super) issuer: Box<[u8]>,
    pub(super) serial: Box<[u8]>,
}

/// Whose a certificate is: the other side of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The common name.
    pub name: String,
    /// The certificate.
    pub certificate: CertificateId,
    kind: Kind,
}

impl Holder {
    /// Reads a certificate; `None` if it has no common name.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
        let unit = certificate.subject().iter_organizational_unit().next().and_then(|unit| unit.as_str().ok());
        let id =
            CertificateId { issuer: certificate.issuer().as_raw().into(), serial: certificate.raw_serial().into() };
        let kind = Kind::of(unit, name);
        (!name.is_empty()).then(|| Self { name: name.to_owned(), certificate: id, kind })
    }
}

/// Accepts certificates that the authority's verifier accepts, if they are of the right kind.
#[derive(Debug)]
pub(super) struct Only {
    authority: Arc<dyn ClientCertVerifier>,
    kind: Kind,
}

impl Only {
    pub(super) fn new(authority: Arc<dyn ClientCertVerifier>, kind: Kind) -> Self {
        Self { authority, kind }
    }
}

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authority.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.authority.verify_client_cert(end_entity, intermediates, now)?;
        match Holder::of(end_entity) {
            // One without a name is told so when the connection is there.
            None if self.kind == Kind::Client => Ok(verified),
            Some(holder) if holder.kind == self.kind => Ok(verified),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}
