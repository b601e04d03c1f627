//! The same over a session, which changes connections where the server leaves no other way to a new address.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Buf as _;

use super::report::{AddressReport, HopReport, Report, RequestReport, unix_ns};
use super::{CLOSE_TIMEOUT, HopPolicy, Options, Timing, tls};
use crate::sdk::{Agent, Connector, EARLY, Http3, Moved, Padding, SessionError};

/// As [`super::run`]. Hops are those of [`HopPolicy::Every`]; other policies belong to connections, not to sessions.
///
/// # Errors
/// If there is no connection to speak of.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let agent = Agent::connect(&options.agent).await.with_context(|| options.agent.display().to_string())?;
    let connector = Connector::new(agent, tls(options.roots)?, Padding::Http3)?;
    let http = Http3::new(connector.session(options.server, &options.server_name).await?);
    let (source, connection) = {
        let first = http.session().connection().await?;
        (first.source(), first.number())
    };
    let mut client = Client {
        http,
        connection,
        uri: options.uri,
        timeout: options.timeout,
        report: Report { client: options.label, ..Report::default() },
    };
    client.note(source, connection);
    for number in 0..options.requests {
        if number > 0 {
            tokio::time::sleep(options.interval).await;
        }
        client.request(number, options.requests, options.policy).await;
    }
    let Client { http, mut report, .. } = client;
    let stats = http.session().stats();
    report.finish(stats.links_seen);
    let summary = &mut report.summary;
    (summary.class, summary.migrations, summary.rollovers) =
        (Some(stats.class.to_string()), stats.migrations, stats.rollovers);
    // A server that does not answer is not waited for.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, http.session().clone().close()).await;
    Ok(report)
}

struct Client {
    http: Http3,
    /// The number of the one that the last address belongs to.
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
            let moved = self.http.session().hop().await;
            self.moved(moved);
        }
        let started = Instant::now();
        let mut entry = RequestReport { started_unix_ns: unix_ns(), ..RequestReport::default() };
        let ((outcome, latency), moved) = self.exchange_and_hop(started, early).await;
        entry.latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        match outcome {
            Ok(Ok(Exchanged { status, bytes, source, connection })) => {
                // Where a hop or another connection had brought it by then.
                self.note(source, connection);
                entry.address = source.map(|source| source.ip());
                (entry.status, entry.bytes, entry.ok) = (status.as_u16(), bytes, status.is_success());
                entry.error = (!entry.ok).then(|| format!("status: {status}"));
            }
            Ok(Err(error)) => entry.error = Some(format!("{error:#}")),
            Err(_) => entry.error = Some(format!("no complete reply within {:?}", self.timeout)),
        }
        self.report.requests.push(entry);
        if let Some(moved) = moved {
            self.moved(moved);
        }
    }

    /// The request, and an early hop.
    async fn exchange_and_hop(&self, started: Instant, early: bool) -> (Timed, Option<Result<Moved, SessionError>>) {
        let exchange = tokio::time::timeout(self.timeout, exchange(&self.http, self.uri.clone()));
        let exchange = async { (exchange.await, started.elapsed()) };
        tokio::pin!(exchange);
        let hop = || self.http.session().hop();
        if !early {
            return (exchange.await, None);
        }
        tokio::select! {
            done = &mut exchange => (done, Some(hop().await)),
            () = tokio::time::sleep(EARLY) => {
                let (moved, done) = tokio::join!(hop(), exchange);
                (done, Some(moved))
            }
        }
    }

    fn moved(&mut self, moved: Result<Moved, SessionError>) {
        match moved {
            Ok(Moved::Hopped(source)) => self.note(Some(source), self.connection),
            Ok(Moved::RolledOver(source)) => self.note(Some(source), self.connection + 1),
            Ok(Moved::Later) => {}
            Err(error) => {
                tracing::debug!(%error, "no hop");
                *self.report.hop_refusals.entry(error.name()).or_default() += 1;
            }
        }
    }

    /// Takes down an address that is new. Hops that the SDK made by itself, because an address ended, are hops too.
    fn note(&mut self, source: Option<SocketAddr>, connection: u64) {
        let Some(source) = source else { return };
        let known = |known: &AddressReport| known.address == source.ip() && known.ports.contains(&source.port());
        if self.report.addresses.iter().any(known) {
            return;
        }
        let (unix_ns, request) = (unix_ns(), self.report.requests.len());
        let hop = HopReport { unix_ns, request, address: source.ip(), port: source.port() };
        if connection != self.connection {
            self.report.rollovers.push(hop);
        } else if !self.report.addresses.is_empty() {
            self.report.hops.push(hop);
        }
        self.connection = connection;
        self.report.moved(source);
    }
}

/// The outcome of a request, if it ended in time, and how long it took.
type Timed = (Result<anyhow::Result<Exchanged>, tokio::time::error::Elapsed>, Duration);

struct Exchanged {
    status: http::StatusCode,
    bytes: u64,
    source: Option<SocketAddr>,
    connection: u64,
}

async fn exchange(client: &Http3, uri: http::Uri) -> anyhow::Result<Exchanged> {
    let mut reply = client.send(http::Request::get(uri).body(())?).await?;
    let (status, source, connection) = (reply.head().status(), reply.source(), reply.ride().number());
    let mut bytes = 0;
    while let Some(chunk) = reply.data().await? {
        bytes += chunk.remaining() as u64;
    }
    Ok(Exchanged { status, bytes, source, connection })
}
