//! What the parts that measure the SDK share: HTTP/3 servers and a client in namespaces, with a line between them that delays,
//! can be a bottleneck, and sees what an observer sees.

mod agent;
mod aioquic;
mod client;
mod observer;
mod quinn;

use std::{
    fmt,
    future::Future,
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use rustls_pki_types::CertificateDer;

pub(crate) use client::{Client, bind};
pub(crate) use observer::Seen;

use crate::lab::{Namespace, Process};

/// All of the clients' addresses.
const CLIENTS: &str = "2001:db8:1::/64";
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);

const CLIENT_MAC: &str = "02:00:00:00:00:01";
const SERVER_MAC: &str = "02:00:00:00:00:02";

/// The name in the servers' certificate.
pub(crate) const NAME: &str = "server.example";

/// The servers, none of which knows anything of hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// The quinn crate, with h3.
    Quinn,
    /// aioquic's example server.
    Aioquic,
}

impl Server {
    /// All.
    pub(crate) const ALL: [Self; 2] = [Self::Quinn, Self::Aioquic];

    /// Where it listens.
    pub(crate) fn address(self) -> SocketAddr {
        (SERVER, 443 + self as u16).into()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quinn => "quinn",
            Self::Aioquic => "aioquic",
        })
    }
}

/// So many bits a second, and a buffer of so many bytes in front of it, either way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bottleneck {
    pub(crate) rate: u64,
    pub(crate) buffer: u64,
}

/// Fields are dropped in this order: processes before their interfaces.
pub(crate) struct Lab {
    _line: Process,
    _aioquic: Process,
    _quinn: quinn::Server,
    certificate: CertificateDer<'static>,
    client: Namespace,
    _middle: Namespace,
    _far: Namespace,
    directory: tempfile::TempDir,
}

impl Lab {
    /// Both servers have `/N`, N bytes, and `/FILE` for these files.
    pub(crate) fn new(
        round_trip: Duration,
        bottleneck: Option<Bottleneck>,
        files: &[(&str, &[u8])],
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let [client, middle, far] = [Namespace::new("client")?, Namespace::new("line")?, Namespace::new("server")?];
        client.connect("client", CLIENT_MAC, &middle, "side_a", "02:00:00:00:01:01")?;
        middle.connect("side_b", "02:00:00:00:01:02", &far, "server", SERVER_MAC)?;
        // AnyIP: every client address is local without being configured.
        client.ip(&format!("route add local {CLIENTS} dev lo"))?;
        client.ip(&format!("route add {SERVER} dev client"))?;
        client.ip(&format!("neigh add {SERVER} lladdr {SERVER_MAC} dev client nud permanent"))?;
        far.ip(&format!("address add {SERVER}/128 dev server nodad"))?;
        far.ip(&format!("neigh add fe80::1 lladdr {CLIENT_MAC} dev server nud permanent"))?;
        far.ip(&format!("route add {CLIENTS} via fe80::1 dev server"))?;
        let capture = directory.path().join("capture.pcap");
        let capture = capture.to_str().context("path")?;
        let delay = (round_trip / 2).as_micros().to_string();
        let mut line = vec!["--a", "side_a", "--b", "side_b", "--delay-us", &delay, "--capture", capture];
        let rate = bottleneck.map(|Bottleneck { rate, buffer }| (rate.to_string(), buffer.to_string()));
        if let Some((rate, buffer)) = &rate {
            line.extend(["--rate", rate, "--buffer", buffer]);
        }
        let line = middle.start("mimiq-delay-line", &line, "ready")?;
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let root = directory.path().join("root");
        std::fs::create_dir(&root)?;
        for (name, content) in files {
            std::fs::write(root.join(name), content)?;
        }
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem())?;
        std::fs::write(directory.path().join("key.pem"), made.signing_key.serialize_pem())?;
        let aioquic = aioquic::start(&far, directory.path(), Server::Aioquic.address())?;
        let certificate = made.cert.der().clone();
        let key = made.signing_key.serialize_der();
        let quinn = quinn::Server::start(&far, certificate.clone(), key, Server::Quinn.address(), files)?;
        Ok(Self {
            _line: line,
            _aioquic: aioquic,
            _quinn: quinn,
            certificate,
            client,
            _middle: middle,
            _far: far,
            directory,
        })
    }

    /// Runs something on the client's side. Its addresses are those of run number `run`; none is used twice.
    pub(crate) fn run<T, F>(&self, run: u16, body: impl FnOnce(Client) -> F + Send + 'static) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = anyhow::Result<T>>,
    {
        let certificate = self.certificate.clone();
        let thread = self.client.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { body(Client::new(run, certificate)?).await })
        })?;
        thread.join().map_err(|_| anyhow::anyhow!("the client's thread"))?
    }

    /// What an observer between the two saw of these runs.
    pub(crate) fn seen(&self, runs: impl Iterator<Item = u16>) -> anyhow::Result<Seen> {
        observer::read(&self.capture(), &runs.collect())
    }

    fn capture(&self) -> PathBuf {
        self.directory.path().join("capture.pcap")
    }
}
