//! HTTP/3 servers: quinn in this process, aioquic as a child. `/N` is answered with N bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h3_quinn::quinn;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A self-signed certificate for `localhost` and 127.0.0.1.
pub(crate) struct Identity {
    pub(crate) directory: tempfile::TempDir,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { directory }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }
}

/// Starts quinn with h3; `migration` false sends `disable_active_migration`.
pub(crate) fn quinn_server(identity: &Identity, migration: bool) -> SocketAddr {
    quinn_server_with(identity, migration, quinn::EndpointConfig::default())
}

/// The same, but one in sixteen of the server's connection IDs is one that it had issued long before.
pub(crate) fn quinn_server_that_repeats_ids(identity: &Identity) -> SocketAddr {
    let issued = Arc::new(Mutex::new(Vec::new()));
    let mut config = quinn::EndpointConfig::default();
    config.cid_generator(move || Box::new(Repeating(issued.clone())));
    quinn_server_with(identity, true, config)
}

struct Repeating(Arc<Mutex<Vec<[u8; 8]>>>);

impl quinn::ConnectionIdGenerator for Repeating {
    fn generate_cid(&mut self) -> quinn::ConnectionId {
        let mut issued = self.0.lock().unwrap();
        let old = issued.len().saturating_sub(20);
        let id = if old > 0 && rand::random_ratio(1, 16) { issued[rand::random_range(0..old)] } else { rand::random() };
        issued.push(id);
        quinn::ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn quinn_server_with(identity: &Identity, migration: bool, endpoint_config: quinn::EndpointConfig) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(identity.certificate()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(identity.key()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.migration(migration);
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let runtime = Arc::new(quinn::TokioRuntime);
    let endpoint = quinn::Endpoint::new(endpoint_config, Some(config), socket, runtime).unwrap();
    let address = endpoint.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    serve(connection).await;
                }
            });
        }
    });
    address
}

async fn serve(connection: quinn::Connection) {
    let Ok(mut h3) = h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(connection)).await else {
        return;
    };
    while let Ok(Some(resolver)) = h3.accept().await {
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            let size: usize = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
            stream.send_response(http::Response::new(())).await?;
            stream.send_data(Bytes::from(vec![b'Z'; size])).await?;
            stream.finish().await
        });
    }
}

/// aioquic's own example server.
pub(crate) struct Aioquic {
    pub(crate) address: SocketAddr,
    _child: tokio::process::Child,
}

impl Aioquic {
    /// Uses what `scripts/setup.sh` fetched.
    pub(crate) fn start(identity: &Identity) -> Self {
        Self::start_with(identity, identity.directory.path())
    }

    /// The same, with the files in a directory, too.
    pub(crate) fn start_with(identity: &Identity, files: &Path) -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let python = target.join("venv/testbed/bin/python");
        let examples = target.join("testbed/aioquic-1.7.2/examples");
        let there = python.exists() && examples.exists();
        assert!(there, "aioquic is not in {}: run scripts/setup.sh test", target.display());
        let port = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = tokio::process::Command::new(python)
            .arg("http3_server.py")
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .arg("--certificate")
            .arg(identity.certificate())
            .arg("--private-key")
            .arg(identity.key())
            .current_dir(examples)
            .env("STATIC_ROOT", files)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It does not say when it is ready: a client's first flight is repeated until it is.
        Self { address: (Ipv4Addr::LOCALHOST, port).into(), _child: child }
    }
}
