//! The daemon: one task that owns the [`Stock`] and carries out what it wants done.

use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};

use mimiq_api::local::{AgentMessage, Reason};
use tokio::sync::{mpsc, watch};

use crate::address::IpVersion;
use crate::clock::{Alarm, Clock};
use crate::config::{Config, StockConfig};
use crate::journal::Journal;
use crate::local;
use crate::netlink::{Netlink, NetlinkError};
use crate::outage::Outage;
use crate::policy::Rules;
use crate::session::{self, Request, SessionError};
use crate::stock::{AppId, Command, Marks, Stock};

mod event;
mod messages;
mod orders;
mod reports;
mod restart;
mod state;

pub use event::Event;
use messages::{not_hopping, refused};
use reports::Reports;

/// How long the daemon tries to release everything when it stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
const EVENTS: usize = 256;

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The PKI is of no use.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The system says too little about itself.
    #[error("system: {0}")]
    System(#[from] std::io::Error),
    /// The Unix socket cannot be opened.
    #[error("socket: {path}: {source}")]
    Socket {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs until `stop` ends, then releases what no application holds.
///
/// # Errors
/// If something that the configuration names is of no use. Once started, it runs.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
    let client = session::client_config(&config.pki)?;
    let netlink = Netlink::open()?;
    // First of all, as it fails if another agent is at work.
    let listener = local::bind(&config.socket)
        .map_err(|source| DaemonError::Socket { path: config.socket.display().to_string(), source })?;
    let clock = Clock::start();
    let journal = Journal::beside(&config.socket, clock)?;

    let (events, inbox) = mpsc::channel(EVENTS);
    let (requests, outbox) = mpsc::unbounded_channel();
    let (stopping, stopped) = watch::channel(());
    let (acceptor, stops) = (tokio::spawn(local::serve(listener, events.clone())), events.clone());
    let session = tokio::spawn(session::run(config.interface, client, netlink.clone(), outbox, events, stopped));

    let marks = |stock: StockConfig| Marks { low: stock.low, high: stock.high };
    let mut stocks = vec![(IpVersion::V6, marks(config.stock))];
    stocks.extend(config.stock_ipv4.map(|stock| (IpVersion::V4, marks(stock))));
    let mut daemon = Daemon::new(&stocks, Some(netlink), requests).with_rules(config.policies);
    daemon.succeed(journal, clock).await?;
    let told = async {
        stop.await;
        let _ = stops.send(Event::Stop).await;
        std::future::pending().await
    };
    // Whoever is told to stop may not be interrupted in the middle of something.
    tokio::select! {
        () = daemon.serve(inbox) => {}
        () = told => {}
    }
    acceptor.abort();
    tracing::info!("stopping");
    daemon.shut_down().await;
    drop(daemon);
    drop(stopping);
    if tokio::time::timeout(STOP_TIMEOUT, session).await.is_err() {
        tracing::warn!("the allocation server did not confirm the last releases");
    }
    // Only the name is left; an agent that starts removes it as well.
    let _ = std::fs::remove_file(&config.socket);
    Ok(())
}

/// The stocks and the handles to carry out their commands with.
pub struct Daemon {
    stocks: Vec<(IpVersion, Stock)>,
    netlink: Option<Netlink>,
    requests: mpsc::UnboundedSender<Request>,
    apps: HashMap<AppId, mpsc::UnboundedSender<AgentMessage>>,
    reports: Reports,
    ready: bool,
    outage: Outage,
    clock: Clock,
    journal: Option<Journal>,
}

impl Daemon {
    /// A daemon with one stock per IP version, whose requests to the allocation server go to `requests`. Without `netlink`
    /// addresses are taken to be local already, as those of 127.0.0.0/8 are.
    #[must_use]
    pub fn new(
        stocks: &[(IpVersion, Marks)],
        netlink: Option<Netlink>,
        requests: mpsc::UnboundedSender<Request>,
    ) -> Self {
        let stocks = stocks.iter().map(|(version, marks)| (*version, Stock::new(*marks))).collect();
        Self {
            stocks,
            netlink,
            requests,
            apps: HashMap::new(),
            reports: Reports::default(),
            ready: false,
            outage: Outage::default(),
            clock: Clock::start(),
            journal: None,
        }
    }

    /// By which applications' connections get their policies.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.reports.rules = rules;
        self
    }

    /// Works off events until it is told to stop, or all senders are gone.
    pub async fn serve(&mut self, mut inbox: mpsc::Receiver<Event>) {
        let alarm = match Alarm::new() {
            Ok(alarm) => alarm,
            Err(error) => return tracing::error!(%error, "no timer"),
        };
        loop {
            let wake = self.stocks.iter().filter_map(|(_, stock)| stock.next_wake()).min();
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(Event::Stop) | None => return,
                    Some(event) => self.handle(self.clock.now(), event).await,
                },
                () = alarm.until(wake.map(|at| self.clock.boottime(at))) => {
                    let now = self.clock.now();
                    self.each(|stock, out| stock.poll(now, out)).await;
                }
            }
            self.report();
        }
    }

    async fn shut_down(&mut self) {
        self.apps.clear();
        let now = self.clock.now();
        self.each(|stock, out| stock.shut_down(now, out)).await;
    }

    async fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => {
                self.outage.session(true);
                self.each(|stock, out| stock.connected(now, out)).await;
            }
            Event::Disconnected => self.outage.session(false),
            Event::Granted(version, grant) => {
                self.outage.granted(true);
                tracing::debug!(count = grant.addresses.len(), lifetime = ?grant.lifetime, "granted");
                self.one(version, |stock, out| stock.granted(now, &grant, out)).await;
            }
            Event::AcquireFailed { version, asked, retry_after, smaller, reason, message } => {
                metrics::counter!("mimiq_agent_refusals_total", "reason" => reason).increment(1);
                tracing::warn!(asked, reason, message, ?retry_after, "no addresses granted");
                self.outage.granted(false);
                self.one(version, |stock, _| stock.acquire_failed(now, asked, retry_after, smaller)).await;
            }
            Event::Revoked(addresses) => {
                tracing::info!(count = addresses.len(), "the allocation server revoked addresses");
                self.each(|stock, out| stock.revoked(now, &addresses, out)).await;
            }
            Event::Drain => {
                tracing::info!("the allocation server drains");
                self.each(|stock, _| stock.drain()).await;
            }
            Event::Opened(app, messages) => {
                self.apps.insert(app, messages);
                if let Some(reason) = self.outage.current() {
                    self.tell(app, not_hopping(Some(reason)));
                }
            }
            Event::Take(app, version, wait) => {
                if !self.one(version, |stock, out| stock.take(now, app, wait, out)).await {
                    let message = format!("take.ip_version: {version:?}: no stock of it is configured");
                    self.tell(app, refused(message, Duration::ZERO, Reason::Unspecified));
                }
            }
            Event::Return(app, address) => {
                if !self.one(address.into(), |stock, out| stock.give_back(now, app, address, out)).await {
                    let message = format!("return.address: {address} is not held by this application");
                    self.tell(app, refused(message, Duration::ZERO, Reason::Unspecified));
                }
            }
            Event::Choose(app, choose) => self.answer(app, self.reports.choose(&choose)),
            Event::Report(app, report) => {
                let answer = self.reports.report(now, app, report);
                self.answer(app, answer);
            }
            Event::GetStatus(app) => self.tell(app, self.reports.status(now, &self.stocks, self.outage.current())),
            Event::Reclaim(app, addresses) => self.reclaim(now, app, &addresses).await,
            Event::Stop => {}
            Event::Closed(app) => {
                self.apps.remove(&app);
                self.reports.gone(now, app);
                self.each(|stock, out| stock.gone(now, app, out)).await;
            }
        }
    }

    async fn each(&mut self, mut act: impl FnMut(&mut Stock, &mut Vec<Command>)) {
        for index in 0..self.stocks.len() {
            let (version, stock) = &mut self.stocks[index];
            let (version, mut commands) = (*version, Vec::new());
            act(stock, &mut commands);
            self.carry_out(version, commands).await;
        }
    }

    /// False if there is no such stock.
    async fn one(&mut self, version: IpVersion, act: impl FnOnce(&mut Stock, &mut Vec<Command>)) -> bool {
        let Some((_, stock)) = self.stocks.iter_mut().find(|(of, _)| *of == version) else { return false };
        let mut commands = Vec::new();
        act(stock, &mut commands);
        self.carry_out(version, commands).await;
        true
    }
}
