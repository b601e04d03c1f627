//! Mutual TLS: the operator's authority enrols clients and operators. A client's name is its certificate's common name;
//! operators' certificates have an organizational unit, so that neither passes for the other.

mod crl;
mod holder;

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

use holder::Only;

pub use crl::{Crl, CrlError};
pub use holder::{CertificateId, Holder};

use crate::{config::Pki, pki::Kind};

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
    /// The list of revoked certificates is none, or not of this authority.
    #[error("pki.crl: {path}", path = .path.display())]
    Crl {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CrlError,
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

/// The controller's identity, and whom it lets in: the files that the configuration names, as they are now.
pub struct Identity {
    roots: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    crl: Option<Crl>,
}

impl Identity {
    /// Reads the files.
    ///
    /// # Errors
    /// If one cannot be read, or the list of revoked certificates is not of the authority.
    pub fn load(pki: &Pki) -> Result<Self, TlsError> {
        let authorities = certificates(&pki.ca)?;
        let crl = pki
            .crl
            .as_deref()
            .map(|path| Crl::load(path, &authorities).map_err(|source| TlsError::Crl { path: path.into(), source }));
        let mut roots = RootCertStore::empty();
        for certificate in authorities {
            roots.add(certificate)?;
        }
        Ok(Self {
            roots: Arc::new(roots),
            certificates: certificates(&pki.certificate)?,
            key: private_key(pki)?,
            crl: crl.transpose()?,
        })
    }

    /// The list of revoked certificates, if one is configured.
    pub fn crl(&self) -> Option<&Crl> {
        self.crl.as_ref()
    }

    /// The configuration of the allocation service, which only clients may use.
    ///
    /// # Errors
    /// If the files do not fit together.
    pub fn service(&self) -> Result<ServerConfig, TlsError> {
        let tls = self.tls(Kind::Client, ALPN)?;
        let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
        config.max_incoming(INCOMING).transport_config(Arc::new(transport()));
        Ok(config)
    }

    /// The configuration of the admin API, which only operators may use.
    ///
    /// # Errors
    /// If the files do not fit together.
    pub fn admin(&self) -> Result<rustls::ServerConfig, TlsError> {
        self.tls(Kind::Operator, b"h2")
    }

    fn tls(&self, peers: Kind, alpn: &[u8]) -> Result<rustls::ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Whose state the lists do not tell is refused. A list past its next update still counts: it is replaced by hand
        // when somebody is revoked, and must not lock everybody out by itself.
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone())
            .with_crls(self.crl.iter().flat_map(Crl::lists))
            .build()?;
        // Sessions are resumed without looking at the certificate again, but only those of this very configuration: its
        // cache is new, so nobody who is revoked resumes after a reload.
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(Only::new(verifier, peers)))
            .with_single_cert(self.certificates.clone(), self.key.clone_key())?;
        tls.alpn_protocols = vec![alpn.to_vec()];
        Ok(tls)
    }
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

/// Whose certificate a connection's other side proved to own.
pub(crate) fn holder(connection: &quinn::Connection) -> Option<Holder> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    Holder::of(chain.first()?)
}

#[cfg(test)]
mod tests;
