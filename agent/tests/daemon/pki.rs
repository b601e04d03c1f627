//! An operator's authority and what it signed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use h3_quinn::quinn;
use mimiq_agent::session::SERVER_NAME;
use mimiq_api::allocation;
use rustls_pki_types::PrivateKeyDer;
use time::OffsetDateTime;

/// A CA and what it signed.
pub(crate) struct Pki {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) server: quinn::ServerConfig,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::valid((rcgen::date_time_ymd(2025, 1, 1), rcgen::date_time_ymd(2125, 1, 1)))
    }

    /// All its certificates are valid from the first date to the second.
    pub(crate) fn valid(validity: (OffsetDateTime, OffsetDateTime)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new([]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        (ca.not_before, ca.not_after) = validity;
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let sign = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            (parameters.not_before, parameters.not_after) = validity;
            (parameters.signed_by(&key, &issuer).unwrap(), key)
        };
        let (client, client_key) = sign("client-1");
        let (server, server_key) = sign(SERVER_NAME);
        let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
        write("ca.pem", ca_certificate.pem());
        write("client.pem", client.pem());
        write("client.key", client_key.serialize_pem());
        let key = directory.path().join("client.key");
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o640)).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca_certificate.der().clone()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![server.der().clone()], PrivateKeyDer::try_from(server_key.serialize_der()).unwrap())
            .unwrap();
        tls.alpn_protocols = vec![allocation::ALPN.to_vec()];
        let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
        Self { directory, server: quinn::ServerConfig::with_crypto(Arc::new(crypto)) }
    }

    pub(crate) fn configuration(&self, interface: &str) -> PathBuf {
        let path = self.directory.path();
        let text = format!(
            "interface: {interface}\nsocket: {0}/agent.sock\nstock: {{low: 2, high: 4}}\n\
             pki: {{ca: {0}/ca.pem, certificate: {0}/client.pem, key: {0}/client.key}}\n",
            path.display()
        );
        std::fs::write(path.join("agent.yaml"), text).unwrap();
        path.join("agent.yaml")
    }

    /// What the agent writes down for the next one.
    pub(crate) fn leases(&self) -> PathBuf {
        self.directory.path().join("agent.sock.leases")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }
}
