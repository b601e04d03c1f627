//! The HTTP/3 client behind `mimiq-get`: sequential requests on one connection that hops by a policy.

pub mod over_session;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::{Buf as _, Bytes};
use clap::ValueEnum;
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::sync::watch;

pub use report::{AddressReport, HopReport, Report, RequestReport, Summary, percentile, unix_ns};

use crate::policy::Policy;
use crate::sdk::{Agent, Connector, EARLY, Hopping, Padding, Progress};

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
    let hopping = connector.connect(options.server, &options.server_name).await?;
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(hopping.connection().clone())).await?;
    tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });

    let mut client = Client {
        progress: hopping.progress(),
        noted: None,
        hopping,
        sender,
        uri: options.uri,
        timeout: options.timeout,
        report: Report { client: options.label, ..Report::default() },
    };
    client.note_hops();
    for number in 0..options.requests {
        if number > 0 {
            client.noting_hops(tokio::time::sleep(options.interval)).await;
        }
        client.request(number, options.requests, options.policy).await;
        if client.hopping.connection().close_reason().is_some() {
            break;
        }
    }
    // A server that does not answer is not waited for.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, client.hopping.close()).await;
    client.note_hops();
    let Client { hopping, mut report, .. } = client;
    report.finish(hopping.stats().links_seen);
    Ok(report)
}

struct Client {
    progress: watch::Receiver<Progress>,
    /// The last hop that is in the report.
    noted: Option<u64>,
    hopping: Hopping,
    sender: SendRequest<OpenStreams, Bytes>,
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
            self.hop().await;
        }
        let started = Instant::now();
        let mut entry = RequestReport { started_unix_ns: unix_ns(), ..RequestReport::default() };
        let exchange = tokio::time::timeout(self.timeout, exchange(self.sender.clone(), self.uri.clone()));
        let exchange = async { (exchange.await, started.elapsed()) };
        let mut exchange = std::pin::pin!(exchange);
        let (outcome, latency) = if early {
            tokio::select! {
                done = &mut exchange => {
                    self.hop().await;
                    done
                }
                () = tokio::time::sleep(EARLY) => tokio::join!(self.hop(), exchange).1,
            }
        } else {
            self.noting_hops(exchange).await
        };
        entry.latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        match outcome {
            Ok(Ok((status, bytes))) => {
                (entry.status, entry.bytes, entry.ok) = (status.as_u16(), bytes, status.is_success());
                entry.error = (!entry.ok).then(|| format!("status: {status}"));
            }
            Ok(Err(error)) => entry.error = Some(format!("{error:#}")),
            Err(_) => entry.error = Some(format!("no complete reply within {:?}", self.timeout)),
        }
        self.report.requests.push(entry);
        self.note_hops();
    }

    async fn hop(&mut self) {
        if let Err(error) = self.hopping.hop().await {
            tracing::debug!(%error, "no hop");
            *self.report.hop_refusals.entry(error.name()).or_default() += 1;
        }
        self.note_hops();
    }

    /// Waits, and notes each hop that the SDK makes meanwhile.
    async fn noting_hops<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return done,
                Ok(()) = self.progress.changed() => self.note_hops(),
            }
        }
    }

    /// Notes the first address, and all hops since it was called last: also those that the SDK made by itself, because the policy
    /// says so or an address ended.
    fn note_hops(&mut self) {
        for (hop, source) in self.hopping.sources_after(self.noted) {
            if self.noted.replace(hop).is_some() {
                let (unix_ns, request) = (unix_ns(), self.report.requests.len());
                self.report.hops.push(HopReport { unix_ns, request, address: source.ip(), port: source.port() });
            }
            self.report.moved(source);
        }
    }
}

async fn exchange(
    mut sender: SendRequest<OpenStreams, Bytes>,
    uri: http::Uri,
) -> anyhow::Result<(http::StatusCode, u64)> {
    let mut stream = sender.send_request(http::Request::get(uri).body(())?).await?;
    stream.finish().await?;
    let response = stream.recv_response().await?;
    let mut bytes = 0;
    while let Some(chunk) = stream.recv_data().await? {
        bytes += chunk.remaining() as u64;
    }
    Ok((response.status(), bytes))
}
