use std::{fs, sync::Arc};

use rustls::{AlertDescription, ClientConfig, ClientConnection, ServerConnection};
use tempfile::TempDir;

use super::*;
use crate::pki::{self, SERVER_NAME};

struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        pki::init(dir.path()).unwrap();
        pki::enrol(dir.path(), Kind::Client, "alice").unwrap();
        pki::enrol(dir.path(), Kind::Client, "bob").unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pki(&self, crl: Option<&str>) -> Pki {
        let [ca, certificate, key] = ["ca.pem", "controller.pem", "controller.key"].map(|name| self.file(name));
        Pki { ca, certificate, key, crl: crl.map(|name| self.file(name)) }
    }

    fn revoke(&self, name: &str) {
        // Its files stay here, as with whoever holds them.
        let kept = ["pem", "key"].map(|kind| {
            (self.file(&format!("{name}.{kind}")), fs::read(self.file(&format!("{name}.{kind}"))).unwrap())
        });
        pki::revoke(self.0.path(), name).unwrap();
        for (path, bytes) in kept {
            fs::write(path, bytes).unwrap();
        }
    }

    /// The handshake of the holder of these files: `Ok`, or the alert that the server sends.
    fn handshake(&self, server: rustls::ServerConfig, name: &str) -> Result<(), AlertDescription> {
        let mut roots = RootCertStore::empty();
        roots.add(certificates(&self.file("ca.pem")).unwrap().remove(0)).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(
                certificates(&self.file(&format!("{name}.pem"))).unwrap(),
                PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap(),
            );
        let mut client = client.unwrap();
        client.alpn_protocols = server.alpn_protocols.clone();
        let mut client = ClientConnection::new(Arc::new(client), SERVER_NAME.try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut bytes = Vec::new();
        while client.wants_write() || server.wants_write() {
            bytes.clear();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            // What it thinks is wrong, it tells the client.
            let _ = server.process_new_packets();
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            match client.process_new_packets() {
                Ok(_) => {}
                Err(rustls::Error::AlertReceived(alert)) => return Err(alert),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(!server.is_handshaking());
        Ok(())
    }

    fn to_service(&self, crl: Option<&str>, name: &str) -> Result<(), AlertDescription> {
        self.handshake(Identity::load(&self.pki(crl)).unwrap().tls(Kind::Client, ALPN).unwrap(), name)
    }

    fn to_admin(&self, name: &str) -> Result<(), AlertDescription> {
        self.handshake(Identity::load(&self.pki(Some("crl.pem"))).unwrap().admin().unwrap(), name)
    }
}

#[test]
fn clients_and_operators_do_not_pass_for_each_other() {
    let authority = Authority::new();
    assert_eq!(authority.to_service(None, "alice"), Ok(()));
    assert_eq!(authority.to_service(None, "operator"), Err(AlertDescription::AccessDenied));
    assert_eq!(authority.to_admin("operator"), Ok(()));
    assert_eq!(authority.to_admin("alice"), Err(AlertDescription::AccessDenied));
    // A server's certificate is nobody's to come with.
    assert!(authority.to_service(None, "controller").is_err());
    assert!(authority.to_admin("controller").is_err());
}

#[test]
fn the_revoked_are_refused_and_no_others() {
    let authority = Authority::new();
    assert_eq!(authority.to_service(Some("crl.pem"), "alice"), Ok(()));
    authority.revoke("alice");
    authority.revoke("operator");
    assert_eq!(authority.to_service(Some("crl.pem"), "alice"), Err(AlertDescription::CertificateRevoked));
    assert_eq!(authority.to_service(Some("crl.pem"), "bob"), Ok(()));
    assert_eq!(authority.to_admin("operator"), Err(AlertDescription::CertificateRevoked));
    let identity = Identity::load(&authority.pki(Some("crl.pem"))).unwrap();
    let revoked = |name: &str| {
        let certificate = certificates(&authority.file(&format!("{name}.pem"))).unwrap().remove(0);
        identity.crl().unwrap().revoked().contains(&Holder::of(&certificate).unwrap().certificate)
    };
    assert!(revoked("alice") && revoked("operator") && !revoked("bob"));
}

#[test]
fn a_list_that_does_not_answer_for_the_authority_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let refusal = |crl: &str| match Identity::load(&authority.pki(Some(crl))) {
        Err(TlsError::Crl { source, .. }) => source,
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert!(matches!(refusal("none.pem"), CrlError::File(_)));
    fs::write(authority.file("empty.pem"), "").unwrap();
    assert!(matches!(refusal("empty.pem"), CrlError::Missing(name) if name == "CN=mimiq authority"));
    // Of the same name, but not signed with its key.
    fs::copy(other.file("crl.pem"), authority.file("other.pem")).unwrap();
    assert!(matches!(refusal("other.pem"), CrlError::Stranger(1, _)));
    let list = fs::read_to_string(authority.file("crl.pem")).unwrap();
    fs::write(authority.file("twice.pem"), list.clone() + &list).unwrap();
    assert!(matches!(refusal("twice.pem"), CrlError::Second(2, _)));
    fs::write(authority.file("garbage.pem"), "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n").unwrap();
    assert!(matches!(refusal("garbage.pem"), CrlError::Malformed(1)));
}
