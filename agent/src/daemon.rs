//! The daemon: one task that owns the [`Stock`] and carries out what it wants done.

mod reports;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mimiq_api::local::{AgentMessage, Choose, Expired, Reason, Report, Returned, agent_message};
use tokio::sync::{mpsc, watch};

use crate::address::{self, IpVersion};
use crate::clock::{Alarm, Clock};
use crate::config::{Config, StockConfig};
use crate::journal::Journal;
use crate::local;
use crate::netlink::{Netlink, NetlinkError};
use crate::outage::{self, Outage};
use crate::policy::Rules;
use crate::session::{self, Request, SessionError};
use crate::stock::{AppId, Command, Grant, Marks, Stock};
use reports::Reports;

mod messages;
mod restart;
mod state;

use messages::{not_hopping, refused, taken};

/// How long the daemon tries to release everything when it stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
const EVENTS: usize = 256;

/// What happens to the daemon.
#[derive(Debug)]
pub enum Event {
    /// The session is there (again).
    Connected,
    /// There is no session at the moment.
    Disconnected,
    /// The allocation server granted a set.
    Granted(IpVersion, Grant),
    /// It did not.
    AcquireFailed {
        /// Of which version.
        version: IpVersion,
        /// How many addresses were asked for.
        asked: u32,
        /// When to ask again.
        retry_after: Duration,
        /// Whether to ask for fewer.
        smaller: bool,
        /// The reason's name in metrics.
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// The allocation server took addresses away.
    Revoked(Vec<IpAddr>),
    /// The allocation server stops soon.
    Drain,
    /// An application connected; messages to it go there. (No more wait in it than the application holds addresses.)
    Opened(AppId, mpsc::UnboundedSender<AgentMessage>),
    /// An application wants an address.
    Take(AppId, IpVersion, Duration),
    /// An application gives one back.
    Return(AppId, IpAddr),
    /// An application holds these since before the daemon started.
    Reclaim(AppId, Vec<IpAddr>),
    /// An application asks for a policy.
    Choose(AppId, Choose),
    /// An application says what happened to a connection.
    Report(AppId, Report),
    /// Somebody wants to know how the agent is.
    GetStatus(AppId),
    /// An application's connection closed.
    Closed(AppId),
    /// The daemon is to stop, after what happened before.
    Stop,
}

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
            Event::Reclaim(app, addresses) => self.reclaim(now, app, &addresses).await,
            Event::Stop => {}
            Event::Choose(app, choose) => self.answer(app, self.reports.choose(&choose)),
            Event::Report(app, report) => {
                let answer = self.reports.report(now, app, report);
                self.answer(app, answer);
            }
            Event::GetStatus(app) => self.tell(app, self.reports.status(now, &self.stocks)),
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

    async fn carry_out(&mut self, version: IpVersion, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Acquire(count) => self.request(Request::Acquire(version, count)),
                Command::Release(addresses) => self.request(Request::Release(addresses)),
                Command::Record => self.record(),
                Command::Install(address, limit) => {
                    if let Some(netlink) = &self.netlink
                        && let Err(error) = netlink.install(address, limit).await
                    {
                        tracing::error!(%error, "an address cannot be made local");
                    }
                }
                Command::Remove(address) => {
                    if let Some(netlink) = &self.netlink
                        && let Err(error) = netlink.remove(address).await
                    {
                        tracing::warn!(%error, "an address stays local");
                    }
                }
                Command::Give { app, address, lifetime, mtu } => {
                    metrics::counter!("mimiq_agent_addresses_given_total").increment(1);
                    self.tell(app, agent_message::Message::Taken(taken(address, lifetime, mtu)));
                }
                Command::Refuse { app, mut message, retry_after, empty } => {
                    metrics::counter!("mimiq_agent_refused_takes_total").increment(1);
                    let reason = if empty { self.outage.reason() } else { Reason::Unspecified };
                    if empty {
                        message = outage::describe(reason).to_owned();
                    }
                    self.tell(app, refused(message, retry_after, reason));
                }
                Command::Returned(app) => self.tell(app, agent_message::Message::Returned(Returned {})),
                Command::Expire(app, address) => {
                    let expired = Expired { address: address::to_bytes(address) };
                    self.tell(app, agent_message::Message::Expired(expired));
                }
            }
        }
    }

    fn request(&self, request: Request) {
        // The session's task ends only after the daemon.
        let _ = self.requests.send(request);
    }

    fn answer(&self, app: AppId, answer: Result<agent_message::Message, String>) {
        let refused = |message| refused(message, Duration::ZERO, Reason::Unspecified);
        self.tell(app, answer.unwrap_or_else(refused));
    }

    fn tell(&self, app: AppId, message: agent_message::Message) {
        if let Some(messages) = self.apps.get(&app) {
            // An application that just closed will be heard of next.
            let _ = messages.send(AgentMessage { message: Some(message) });
        }
    }
}
