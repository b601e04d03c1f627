//! QUIC with mutual TLS: the operator's authority enrols clients, and a client's name is its certificate's common name.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mimiq_api::allocation::{ALPN, MAX_MESSAGE};
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt, crypto::rustls::QuicServerConfig};
use quinn_proto::HashedConnectionIdGenerator;
use ring::hmac;
use rustls::{RootCertStore, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::config::Pki;

/// Requests of one client that are served at a time.
pub(crate) const STREAMS: u32 = 16;
/// Without a packet for that long a connection ends; agents keep theirs alive.
const IDLE: Duration = Duration::from_secs(60);
/// Initial packets whose handshake has not begun.
const INCOMING: usize = 4096;

/// Why the identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("pki: {path}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The files do not fit together.
    #[error("pki")]
    Tls(#[from] rustls::Error),
    /// The authority cannot verify clients.
    #[error("pki.ca")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// No cipher suite for QUIC's initial packets.
    #[error("pki")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |source| TlsError::File { path: path.into(), source };
    CertificateDer::pem_file_iter(path).map_err(file)?.collect::<Result<_, _>>().map_err(file)
}

/// The server's configuration.
///
/// # Errors
/// If a file cannot be read, or certificate and key do not fit.
pub fn server_config(pki: &Pki) -> Result<ServerConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&pki.ca)? {
        roots.add(certificate)?;
    }
    let key = private_key(pki)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&pki.certificate)?, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.max_incoming(INCOMING).transport_config(Arc::new(transport()));
    Ok(config)
}

/// The endpoint's configuration. What recognises connection IDs and signs stateless resets (RFC 9000 §10.3) comes from the
/// private key: so a restarted server tells agents at once that it has forgotten their connections, instead of leaving
/// them to their idle timeout.
///
/// # Errors
/// If the private key cannot be read.
pub fn endpoint_config(pki: &Pki) -> Result<EndpointConfig, TlsError> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, private_key(pki)?.secret_der());
    let derive = |purpose: &[u8]| hmac::sign(&secret, purpose);
    let reset = hmac::Key::new(hmac::HMAC_SHA256, derive(b"mimiq stateless reset").as_ref());
    let ids = derive(b"mimiq connection IDs").as_ref().iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte));
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    Ok(config)
}

fn private_key(pki: &Pki) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(&pki.key).map_err(|source| TlsError::File { path: pki.key.clone(), source })
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let message = VarInt::from_u32(MAX_MESSAGE as u32 + 1);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(message)
        .receive_window(VarInt::from_u32(4 * MAX_MESSAGE as u32))
        .datagram_receive_buffer_size(None)
        // Wrapped frames have 102 bytes around the payload: larger ones might not fit the fabric.
        .initial_mtu(1200)
        .mtu_discovery_config(None)
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok());
    transport
}

/// The client's name: the common name of the certificate that it proved to own.
pub(crate) fn client_name(connection: &quinn::Connection) -> Option<String> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    common_name(chain.first()?)
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}
