//! The exit's identity, and how QUIC is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig};
use quinn_proto::HashedConnectionIdGenerator;
use ring::hmac;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// A connection without a packet for that long is dead, at both ends.
const IDLE: Duration = Duration::from_secs(15);
/// So that one that lives is not taken for dead: an idle tunnel stays, and an exit that is away is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Requests under way on one connection, those that are refused included.
const STREAMS: u32 = 1024;

/// Why the identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{field}: {path}: {source}")]
    File {
        /// Which one.
        field: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// The files do not fit together.
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
    /// No cipher suite for QUIC's initial packets.
    #[error("tls: {0}")]
    Quic(#[from] NoInitialCipherSuite),
}

/// Reads the files. `first_packets` is [`crate::config::Config::first_packets`].
///
/// # Errors
/// If one cannot be read or they do not fit together.
pub fn configs(files: &TlsFiles, first_packets: u16) -> Result<(EndpointConfig, ServerConfig), TlsError> {
    let wrong = |field, path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::File { field, path, source }
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(wrong("tls.certificate", &files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(wrong("tls.key", &files.key))?;
    let endpoint = endpoint_config(&key);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    server.transport_config(Arc::new(transport(first_packets)));
    Ok((endpoint, server))
}

/// What recognises connection IDs and signs stateless resets (RFC 9000 §10.3) comes from the private key: so an exit that was
/// restarted tells clients at once that it has forgotten their connections.
fn endpoint_config(key: &PrivateKeyDer<'_>) -> EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret_der());
    let derive = |purpose: &[u8]| hmac::sign(&secret, purpose);
    let reset = hmac::Key::new(hmac::HMAC_SHA256, derive(b"mimiq-exit stateless reset").as_ref());
    let ids = derive(b"mimiq-exit connection IDs").as_ref().iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte));
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

fn transport(first_packets: u16) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(STREAMS.into())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .initial_mtu(first_packets);
    transport
}
