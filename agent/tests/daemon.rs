//! The daemon as a process in a network namespace of its own, against an allocation server on the other end of a veth pair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use h3_quinn::quinn;
use mimiq_agent::address;
use mimiq_agent::sdk::{Agent, AgentError};
use mimiq_agent::session::SERVER_NAME;
use mimiq_api::allocation::{
    self, AddressSet, ClientRequest, RefusalReason, Refused, Released, Revoke, ServerPush, ServerReply, client_request,
    server_push, server_reply,
};
use mimiq_api::framing;
use mimiq_api::local::{AgentMessage, AppRequest, Take, agent_message, app_request};
use mimiq_contract::wellknown::{CONTROL_PORT, GATEWAY};
use prost::Message as _;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};

/// A namespace with one end of a veth pair; gone when dropped.
struct Namespace {
    name: String,
    outside: String,
    inside: String,
}

fn ip(arguments: &str) -> Output {
    Command::new("ip").args(arguments.split_whitespace()).output().unwrap()
}

fn ip_ok(arguments: &str) -> String {
    let output = ip(arguments);
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Namespace {
    fn new(tag: &str) -> Option<Self> {
        let id = std::process::id();
        let made = Self { name: format!("mqa-{id}-{tag}"), outside: format!("mqa{id}{tag}o"), inside: "eth0".into() };
        if !ip(&format!("netns add {}", made.name)).status.success() {
            eprintln!("SKIPPED: network namespaces need root");
            return None;
        }
        ip_ok(&format!("link add {} type veth peer name {} netns {}", made.outside, made.inside, made.name));
        ip_ok(&format!("link set {} addrgenmode none", made.outside));
        ip_ok(&format!("addr add {GATEWAY}/64 dev {} nodad", made.outside));
        ip_ok(&format!("link set {} up", made.outside));
        Some(made)
    }

    /// The client's link-local address comes only now.
    fn up(&self) {
        ip_ok(&format!("-n {} link set lo up", self.name));
        ip_ok(&format!("-n {} link set {} up", self.name, self.inside));
    }

    fn local_routes(&self) -> Vec<Ipv6Addr> {
        let routes = ip_ok(&format!("-n {} -6 route show table local proto 109", self.name));
        routes.lines().map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
    }

    fn index(&self) -> u32 {
        let path = format!("/sys/class/net/{}/ifindex", self.outside);
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.name));
        let _ = ip(&format!("link del {}", self.outside));
    }
}

/// A CA and what it signed.
struct Pki {
    directory: tempfile::TempDir,
    server: quinn::ServerConfig,
}

impl Pki {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new([]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let sign = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            (parameters.signed_by(&key, &issuer).unwrap(), key)
        };
        let (client, client_key) = sign("client-1");
        let (server, server_key) = sign(SERVER_NAME);
        let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
        write("ca.pem", ca_certificate.pem());
        write("client.pem", client.pem());
        write("client.key", client_key.serialize_pem());

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

    fn configuration(&self, interface: &str) -> PathBuf {
        let path = self.directory.path();
        let text = format!(
            "interface: {interface}\nsocket: {0}/agent.sock\nstock: {{low: 2, high: 4}}\n\
             pki: {{ca: {0}/ca.pem, certificate: {0}/client.pem, key: {0}/client.key}}\n",
            path.display()
        );
        std::fs::write(path.join("agent.yaml"), text).unwrap();
        path.join("agent.yaml")
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }
}

/// Serves allocation; requests are shown to the test, pushes go to all sessions.
struct Allocator {
    requests: mpsc::UnboundedReceiver<client_request::Request>,
    push: broadcast::Sender<Option<ServerPush>>,
    endpoint: quinn::Endpoint,
    config: quinn::ServerConfig,
}

impl Allocator {
    fn start(namespace: &Namespace, pki: &Pki) -> Self {
        let at = SocketAddrV6::new(GATEWAY, CONTROL_PORT, 0, namespace.index());
        let endpoint = quinn::Endpoint::server(pki.server.clone(), at.into()).unwrap();
        let (shown, requests) = mpsc::unbounded_channel();
        let (push, _) = broadcast::channel(4);
        let (accepting, pushes) = (endpoint.clone(), push.clone());
        tokio::spawn(async move {
            let next = Arc::new(AtomicU16::new(0));
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(session(incoming, shown.clone(), pushes.subscribe(), next.clone()));
            }
        });
        Self { requests, push, endpoint, config: pki.server.clone() }
    }

    fn revoke(&self, address: IpAddr) {
        let revoke = Revoke { addresses: vec![address::to_bytes(address)] };
        self.push.send(Some(ServerPush { push: Some(server_push::Push::Revoke(revoke)) })).unwrap();
    }

    fn away(&self) {
        self.endpoint.set_server_config(None);
        self.push.send(None).unwrap();
    }

    fn back(&self) {
        self.endpoint.set_server_config(Some(self.config.clone()));
    }

    async fn next(&mut self) -> client_request::Request {
        tokio::time::timeout(Duration::from_secs(20), self.requests.recv()).await.unwrap().unwrap()
    }

    async fn released(&mut self) -> Vec<IpAddr> {
        loop {
            if let client_request::Request::Release(release) = self.next().await {
                return release.addresses.iter().map(|bytes| address::from_bytes(bytes).unwrap()).collect();
            }
        }
    }
}

async fn session(
    incoming: quinn::Incoming,
    shown: mpsc::UnboundedSender<client_request::Request>,
    mut pushes: broadcast::Receiver<Option<ServerPush>>,
    next: Arc<AtomicU16>,
) {
    let Ok(connection) = incoming.await else { return };
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let Ok((mut send, mut receive)) = stream else { return };
                let bytes = receive.read_to_end(allocation::MAX_MESSAGE).await.unwrap();
                let request = ClientRequest::decode(bytes.as_slice()).unwrap().request.unwrap();
                let reply = answer(&request, &next);
                let _ = shown.send(request);
                send.write_all(&ServerReply { reply: Some(reply) }.encode_to_vec()).await.unwrap();
                send.finish().unwrap();
            }
            push = pushes.recv() => {
                let Ok(Some(push)) = push else { return };
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(&push.encode_to_vec()).await.unwrap();
                stream.finish().unwrap();
            }
        }
    }
}

fn answer(request: &client_request::Request, next: &AtomicU16) -> server_reply::Reply {
    match request {
        client_request::Request::Acquire(acquire) if acquire.count > 3 => server_reply::Reply::Refused(Refused {
            reason: RefusalReason::Quota.into(),
            message: format!("acquire.count: {}", acquire.count),
            retry_after_ms: 10,
        }),
        client_request::Request::Acquire(acquire) => {
            let one = |_| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).octets().to_vec()
            };
            let addresses = (0..acquire.count).map(one).collect();
            server_reply::Reply::AddressSet(AddressSet {
                addresses,
                lifetime_ms: 3_600_000,
                grace_ms: 60_000,
                mtu: 1460,
            })
        }
        client_request::Request::Release(release) => {
            server_reply::Reply::Released(Released { count: release.addresses.len() as u32 })
        }
        client_request::Request::Renew(_) => panic!("the agent does not renew"),
    }
}

struct Process {
    child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
}

impl Process {
    fn start(namespace: &Namespace, configuration: &Path) -> Self {
        let mut child = tokio::process::Command::new("ip")
            .args(["netns", "exec", &namespace.name, env!("CARGO_BIN_EXE_mimiq-agent"), "run", "--config"])
            .arg(configuration)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn says(&mut self, what: &str) {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                println!("{line}");
                if line.contains(what) {
                    return true;
                }
            }
            false
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), found).await.unwrap(), "never said {what:?}");
    }

    async fn terminate(mut self) {
        // `ip netns exec` becomes the daemon.
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_address_to_the_last() {
    let Some(namespace) = Namespace::new("a") else { return };
    let pki = Pki::new();
    // First nothing is there: neither the link-local address nor the allocation server.
    let mut process = Process::start(&namespace, &pki.configuration(&namespace.inside));
    process.says("no usable IPv6 link-local address").await;
    namespace.up();
    let mut allocator = Allocator::start(&namespace, &pki);
    process.says("ready").await;
    assert_eq!(namespace.local_routes().len(), 2, "four were refused, so it asked for two");

    let agent = Agent::connect(pki.socket()).await.unwrap();
    let first = agent.take(6, Duration::ZERO).await.unwrap();
    let second = agent.take(6, Duration::ZERO).await.unwrap();
    assert_ne!(first.address(), second.address());
    assert_eq!(first.mtu(), 1460);
    let refused = agent.take(4, Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&refused, AgentError::Refused { message, .. } if message.contains("take.ip_version")),
        "{refused}"
    );

    // What comes back is released.
    let address = second.address();
    drop(second);
    assert_eq!(allocator.released().await, [address]);

    // A revocation reaches the holder.
    let mut expired = first.expired();
    allocator.revoke(first.address());
    tokio::time::timeout(Duration::from_secs(10), expired.wait_for(|expired| *expired)).await.unwrap().unwrap();

    // The allocation server goes away: the stock goes on; it comes back: so does the session.
    allocator.away();
    process.says("living on the stock").await;
    let mut application = UnixStream::connect(pki.socket()).await.unwrap();
    let take = app_request::Request::Take(Take { ip_version: 0, wait_ms: 5000 });
    framing::write(&mut application, &AppRequest { request: Some(take) }).await.unwrap();
    let taken: AgentMessage = framing::read(&mut application).await.unwrap().unwrap();
    let Some(agent_message::Message::Taken(taken)) = taken.message else { panic!("{taken:?}") };
    allocator.back();
    process.says("session with the allocation server").await;

    // When an application closes, all that it held goes back.
    let held = address::from_bytes(&taken.address).unwrap();
    let bystander = Agent::connect(pki.socket()).await.unwrap();
    let kept = bystander.take(6, Duration::from_secs(5)).await.unwrap();
    drop(application);
    while !allocator.released().await.contains(&held) {}

    process.terminate().await;
    let mut last = Vec::new();
    while !last.contains(&kept.address()) {
        last.extend(allocator.released().await);
    }
    assert_eq!(namespace.local_routes(), Vec::<Ipv6Addr>::new());
    assert!(!pki.socket().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_a_killed_agent_are_removed() {
    let Some(namespace) = Namespace::new("b") else { return };
    let pki = Pki::new();
    namespace.up();
    let configuration = pki.configuration(&namespace.inside);
    let _allocator = Allocator::start(&namespace, &pki);
    let mut process = Process::start(&namespace, &configuration);
    process.says("ready").await;
    let old = namespace.local_routes();
    process.child.kill().await.unwrap();
    assert_eq!(namespace.local_routes().len(), 2);
    let mut process = Process::start(&namespace, &configuration);
    process.says("leftovers=2").await;
    process.says("ready").await;
    let new = namespace.local_routes();
    assert!(new.len() == 2 && new.iter().all(|address| !old.contains(address)), "{old:?} {new:?}");
    process.terminate().await;
}

#[test]
fn config_check_names_what_is_wrong() {
    let pki = Pki::new();
    let check = |file: &Path| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_mimiq-agent")).args(["config", "check"]).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let file = pki.configuration("eth0");
    assert!(check(&file).0);
    std::fs::write(pki.directory.path().join("client.pem"), "nothing").unwrap();
    let (valid, message) = check(&file);
    assert!(!valid && message.contains("pki.certificate") && message.contains("client.pem"), "{message}");
    let text = std::fs::read_to_string(&file).unwrap().replace("high: 4", "high: 1");
    std::fs::write(&file, text).unwrap();
    let (valid, message) = check(&file);
    assert!(!valid && message.contains("stock.high: 1"), "{message}");
}
