//! Mutual TLS: only the controller gets in. Clients' certificates are of the same authority, so that the name counts too.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mimiq_contract::wellknown::CONTROLLER_NAME;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{danger::HandshakeSignatureValid, verify_server_name},
    server::{
        ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem, pem::PemObject as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};

use crate::config::Tls;

/// Handshakes at a time.
const HANDSHAKES: usize = 32;
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before the next attempt when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the configured files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("tls.{field}: {path}", path = .path.display())]
    File {
        /// Which.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The files do not fit together.
    #[error("tls")]
    Tls(#[from] Error),
    /// The authority cannot verify anybody.
    #[error("tls.ca")]
    Verifier(#[from] VerifierBuilderError),
}

/// Reads the files.
///
/// # Errors
/// If one cannot be read, or they do not fit together.
pub fn acceptor(config: &Tls) -> Result<TlsAcceptor, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("ca", &config.ca)? {
        roots.add(authority)?;
    }
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(file("key", &config.key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(OnlyController { authority }))
        .with_single_cert(certificates("certificate", &config.certificate)?, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn file(field: &'static str, path: &Path) -> impl Fn(pem::Error) -> TlsError + use<> {
    let path = path.to_owned();
    move |source| TlsError::File { field, path: path.clone(), source }
}

fn certificates(field: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    certificates.map_err(file(field, path))
}

/// Connections whose handshake has succeeded. A peer that takes its time does not hold up the others.
pub fn incoming(listener: TcpListener, acceptor: TlsAcceptor) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let (sender, connections) = mpsc::channel(HANDSHAKES);
    tokio::spawn(async move {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        // Ends with whoever takes the connections.
        while let Ok(permit) = handshakes.clone().acquire_owned().await {
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "no connection accepted");
                        sleep(PAUSE).await;
                        continue;
                    }
                },
                () = sender.closed() => return,
            };
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                let accepted = timeout(PATIENCE, async {
                    stream.set_nodelay(true)?;
                    acceptor.accept(stream).await
                });
                let accepted = accepted.await;
                drop(permit);
                match accepted {
                    // Whoever takes them may be gone.
                    Ok(Ok(stream)) => drop(sender.send(Ok(stream)).await),
                    Ok(Err(error)) => tracing::info!(%peer, %error, "handshake failed"),
                    Err(_) => tracing::info!(%peer, "handshake timed out"),
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

/// Accepts what the authority accepts, if it is the controller's.
#[derive(Debug)]
struct OnlyController {
    authority: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for OnlyController {
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
        let name = ServerName::try_from(CONTROLLER_NAME).map_err(|error| Error::General(error.to_string()))?;
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, &name)?;
        Ok(verified)
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
