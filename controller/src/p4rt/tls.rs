use std::{fs, path::Path};

use mimiq_contract::wellknown::SWITCH_DOMAIN;
use rustls_pki_types::pem;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::{config::Pki, tls::TlsError};

/// How the controller shows who it is to a switch of this name, and knows the switch: by the authority and the DNS name in
/// its certificate.
///
/// # Errors
/// If a file cannot be read.
pub fn client_tls(pki: &Pki, switch: &str) -> Result<ClientTlsConfig, TlsError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| TlsError::File { path: path.into(), source: pem::Error::Io(source) })
    };
    Ok(ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(&pki.ca)?))
        .identity(Identity::from_pem(read(&pki.certificate)?, read(&pki.key)?))
        .domain_name(format!("{switch}.{SWITCH_DOMAIN}")))
}
