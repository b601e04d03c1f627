//! The HTTP/3 client behind `mimiq-get`: sequential requests in a session that hops by a policy.

pub mod download;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Buf as _;
use clap::ValueEnum;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

pub use report::{AddressReport, HopReport, Report, RequestReport, Summary, percentile, unix_ns};

use crate::policy::Policy;
use crate::sdk::{Agent, Arrival, Connector, EARLY, Http3, Padding, Trail};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// When a hop happens, relative to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timing {
    /// Shortly after a request was sent, so that path validation overlaps the reply.
    Early,
    /// Right before a request.
    Before,
}

/// When to hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopPolicy {
    /// Stay at the first address.
    Never,
    /// Once in so many requests.
    Every(usize, Timing),
    /// As this policy says, or, without one, as the agent does.
    Follow(Option<Policy>),
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The agent's Unix socket.
    pub agent: PathBuf,
    /// Where to connect to.
    pub server: SocketAddr,
    /// The name in the server's certificate.
    pub server_name: String,
    /// What to ask for.
    pub uri: http::Uri,
    /// Who may have signed the server's certificate.
    pub roots: rustls::RootCertStore,
    /// How many requests, one after the other.
    pub requests: usize,
    /// Pause between them.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// When to hop.
    pub policy: HopPolicy,
    /// Who reports.
    pub label: String,
}

/// Reads certificates from a PEM file.
///
/// # Errors
/// If it cannot be read or has no usable certificate.
pub fn roots(path: &Path) -> anyhow::Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    let named = || format!("ca: {}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).with_context(named)? {
        roots.add(certificate.with_context(named)?).with_context(named)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{}: no certificate in it", named());
    Ok(roots)
}

/// TLS settings for HTTP/3 with these roots.
///
/// # Errors
/// If TLS 1.3 is not to be had.
pub fn tls(roots: rustls::RootCertStore) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    Ok(tls)
}

/// Does it. Failed requests are in the report.
///
/// # Errors
/// If there is no connection to speak of.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let agent = Agent::connect(&options.agent).await.with_context(|| options.agent.display().to_string())?;
    let connector = Connector::new(agent, tls(options.roots)?, Padding::Http3)?.application(&options.label);
    let connector = match options.policy {
        HopPolicy::Follow(None) => connector,
        HopPolicy::Follow(Some(policy)) => connector.policy(policy),
        HopPolicy::Never | HopPolicy::Every(..) => connector.policy(Policy::PerConnection),
    };
    let session = connector.session(options.server, &options.server_name).await?;
    let mut client = Client {
        trail: session.trail(),
        http: Arc::new(Http3::new(session)),
        connection: 0,
        uri: options.uri,
        timeout: options.timeout,
        report: Report { client: options.label, ..Report::default() },
    };
    client.note_arrivals();
    for number in 0..options.requests {
        if number > 0 {
            client.noting(tokio::time::sleep(options.interval)).await;
        }
        client.request(number, options.requests, options.policy).await;
    }
    let session = client.http.session().clone();
    // A server that does not answer is not waited for.
    let _ = client.noting(tokio::time::timeout(CLOSE_TIMEOUT, session.clone().close())).await;
    client.note_arrivals();
    let (stats, mut report) = (session.stats(), client.report);
    report.hop_refusals = session.refusals();
    report.finish(&stats);
    Ok(report)
}

struct Client {
    http: Arc<Http3>,
    trail: Trail,
    /// The number of the one that the last address belongs to; 0 before there was one.
    connection: u64,
    uri: http::Uri,
    timeout: Duration,
    report: Report,
}

impl Client {
    async fn request(&mut self, number: usize, count: usize, policy: HopPolicy) {
        let (before, early) = match policy {
            HopPolicy::Every(every, Timing::Before) => (number > 0 && number.is_multiple_of(every), false),
            HopPolicy::Every(every, Timing::Early) => (false, (number + 1).is_multiple_of(every) && number + 1 < count),
            HopPolicy::Never | HopPolicy::Follow(_) => (false, false),
        };
        if before {
            self.noting(hop(self.http.clone())).await;
        }
        let started = Instant::now();
        let mut entry = RequestReport { started_unix_ns: unix_ns(), ..RequestReport::default() };
        let exchange = tokio::time::timeout(self.timeout, exchange(self.http.clone(), self.uri.clone()));
        let exchange = async { (exchange.await, started.elapsed()) };
        let (outcome, latency) = if early {
            let hop = hop(self.http.clone());
            self.noting(with_early_hop(exchange, hop)).await
        } else {
            self.noting(exchange).await
        };
        entry.latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        match outcome {
            Ok(Ok(Exchanged { status, bytes, source })) => {
                entry.address = source.map(|source| source.ip());
                (entry.status, entry.bytes, entry.ok) = (status.as_u16(), bytes, status.is_success());
                entry.error = (!entry.ok).then(|| format!("status: {status}"));
            }
            Ok(Err(error)) => entry.error = Some(format!("{error:#}")),
            Err(_) => entry.error = Some(format!("no complete reply within {:?}", self.timeout)),
        }
        self.report.requests.push(entry);
        self.note_arrivals();
    }

    /// Waits, and notes each new address meanwhile.
    async fn noting<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return done,
                () = self.trail.changed() => self.note_arrivals(),
            }
        }
    }

    /// Notes the first address, and all since it was called last: also those that the SDK went to by itself, because the policy
    /// says so or an address ended.
    fn note_arrivals(&mut self) {
        for Arrival { source, connection } in self.trail.arrivals() {
            let (unix_ns, request) = (unix_ns(), self.report.requests.len());
            let hop = HopReport { unix_ns, request, address: source.ip(), port: source.port() };
            match std::mem::replace(&mut self.connection, connection) {
                0 => {}
                before if before == connection => self.report.hops.push(hop),
                _ => self.report.rollovers.push(hop),
            }
            self.report.moved(source);
        }
    }
}

async fn hop(http: Arc<Http3>) {
    if let Err(error) = http.session().hop().await {
        tracing::debug!(%error, "no hop");
    }
}

/// Hops shortly after the request was sent, or when it is done.
async fn with_early_hop<T>(exchange: impl Future<Output = T>, hop: impl Future<Output = ()>) -> T {
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        done = &mut exchange => {
            hop.await;
            done
        }
        () = tokio::time::sleep(EARLY) => tokio::join!(hop, exchange).1,
    }
}

struct Exchanged {
    status: http::StatusCode,
    bytes: u64,
    source: Option<SocketAddr>,
}

async fn exchange(client: Arc<Http3>, uri: http::Uri) -> anyhow::Result<Exchanged> {
    let mut reply = client.send(http::Request::get(uri).body(())?).await?;
    let (status, source) = (reply.head().status(), reply.source());
    let mut bytes = 0;
    while let Some(chunk) = reply.data().await? {
        bytes += chunk.remaining() as u64;
    }
    Ok(Exchanged { status, bytes, source })
}
