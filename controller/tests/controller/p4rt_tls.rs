//! P4Runtime over mutual TLS: the controller's connection and the software switch's door, with real handshakes.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use mimiq_contract::P4INFO_TEXT;
use mimiq_controller::{
    config::Pki,
    p4rt::{Connection, ElectionId, Lost, Target, client_tls},
    pki,
};
use mimiq_pipeline::DropCounters;
use mimiq_switch::{Device, config::Tls, pipeline_config::PipelineConfig, server::Server, tables, tls};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::TcpListener;
use tonic::transport::{ClientTlsConfig, server::TcpIncoming};

/// An authority and its certificates, in a folder.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Issues a certificate for these DNS names and uses.
    fn issue(&self, name: &str, dns: &[&str], usages: &[Usage]) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(dns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().unwrap();
        let (certificate, key_file) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        fs::write(&certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        (certificate, key_file)
    }

    /// The controller's files.
    fn controller(&self) -> Pki {
        let names = &["mimiq-controller"];
        self.pki(self.issue("controller", names, &[Usage::ServerAuth, Usage::ClientAuth]))
    }

    fn pki(&self, (certificate, key): (PathBuf, PathBuf)) -> Pki {
        Pki { ca: self.path("ca.pem"), certificate, key, crl: None }
    }

    /// The files of the switch of this name.
    fn switch(&self, name: &str) -> Tls {
        let (certificate, key) = self.issue(name, &[&format!("{name}.switch.mimiq")], &[Usage::ServerAuth]);
        Tls { ca: self.path("ca.pem"), certificate, key }
    }
}

/// A switch that serves P4Runtime, over TLS if there are files for it.
async fn serve(files: Option<Tls>) -> SocketAddr {
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT).unwrap();
    let (writer, _) = mimiq_pipeline::tables(&tables::sizes(&contract));
    let tables = tables::Tables::new(writer, Arc::new(DropCounters::default()), &contract);
    let server = Server::new(Device::new(1, PipelineConfig::new(contract), tables));
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = tonic::transport::Server::builder().add_service(server.service());
    match files {
        Some(files) => {
            let incoming = tls::incoming(listener, tls::acceptor(&files).unwrap());
            tokio::spawn(router.serve_with_incoming(incoming));
        }
        None => drop(tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)))),
    }
    address
}

async fn open(address: SocketAddr, tls: Option<ClientTlsConfig>) -> Result<Connection, Lost> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let target = Target {
        name: "edge".into(),
        uri: format!("{scheme}://{address}"),
        tls,
        device_id: 1,
        election_id: ElectionId(1),
        device_config: [].into(),
    };
    Connection::open(target, 0).await
}

fn as_controller(pki: &Pki) -> Option<ClientTlsConfig> {
    Some(client_tls(pki, "edge").unwrap())
}

#[tokio::test]
async fn the_controller_programs_its_switch() {
    let authority = Authority::new();
    let address = serve(Some(authority.switch("edge"))).await;
    let mut connection = open(address, as_controller(&authority.controller())).await.unwrap();
    assert_eq!(connection.read().await.unwrap(), []);
}

#[tokio::test]
async fn the_authority_that_mimiqctl_makes_will_do() {
    let folder = tempfile::tempdir().unwrap();
    pki::init(folder.path()).unwrap();
    pki::enrol(folder.path(), pki::Kind::Switch, "edge").unwrap();
    pki::enrol(folder.path(), pki::Kind::Client, "alice").unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = Tls { ca: path("ca.pem"), certificate: path("switch-edge.pem"), key: path("switch-edge.key") };
    let address = serve(Some(files)).await;
    let as_holder = |name: &str| {
        let (certificate, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        as_controller(&Pki { ca: path("ca.pem"), certificate, key, crl: None })
    };
    for name in ["alice", "operator", "switch-edge"] {
        let result = open(address, as_holder(name)).await;
        assert!(matches!(result, Err(Lost::Transport(_) | Lost::Call { .. })), "{name}: {result:?}");
    }
    open(address, as_holder("controller")).await.unwrap();
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let address = serve(Some(authority.switch("edge"))).await;
    let ca = tonic::transport::Certificate::from_pem(fs::read(authority.path("ca.pem")).unwrap());
    let without = ClientTlsConfig::new().ca_certificate(ca).domain_name("edge.switch.mimiq");
    // Of the switch's authority, but a client's; it may call itself what it likes where names do not count.
    let client = authority.pki(authority.issue("mimiq-controller", &[], &[Usage::ClientAuth]));
    let other_switch = authority.pki(authority.issue("other", &["other.switch.mimiq"], &[Usage::ServerAuth]));
    // With the right name, but of another authority; it takes the switch for its own all the same.
    let forged = Pki { ca: authority.path("ca.pem"), ..stranger.controller() };
    for (who, tls) in [
        ("without certificate", Some(without)),
        ("client", as_controller(&client)),
        ("switch", as_controller(&other_switch)),
        ("another authority's controller", as_controller(&forged)),
        ("plain HTTP", None),
    ] {
        let result = open(address, tls).await;
        assert!(matches!(result, Err(Lost::Transport(_) | Lost::Call { .. })), "{who}: {result:?}");
    }
    open(address, as_controller(&authority.controller())).await.unwrap();
}

#[tokio::test]
async fn the_controller_programs_no_other_switch() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let controller = authority.controller();
    // Its switch's name, but of another authority, which it would let in.
    let forged = Tls { ca: authority.path("ca.pem"), ..stranger.switch("edge") };
    let client = authority.issue("client", &["edge.switch.mimiq"], &[Usage::ClientAuth]);
    let client = Tls { ca: authority.path("ca.pem"), certificate: client.0, key: client.1 };
    for (who, files) in [
        ("another authority's", Some(forged)),
        ("another switch", Some(authority.switch("other"))),
        ("a client", Some(client)),
        ("plain HTTP", None),
    ] {
        let result = open(serve(files).await, as_controller(&controller)).await;
        assert!(matches!(result, Err(Lost::Transport(_))), "{who}: {result:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let good = authority.switch("edge");
    let missing = Path::new("/nonexistent/ca.pem").to_path_buf();
    let error = tls::acceptor(&Tls { ca: missing, ..good.clone() }).err().unwrap();
    assert_eq!(error.to_string(), "tls.ca: /nonexistent/ca.pem");
    let other = authority.switch("other");
    assert!(tls::acceptor(&Tls { key: other.key, ..good }).is_err(), "the key of another certificate");
}
