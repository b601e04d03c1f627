//! The loop around [`Core`]: connects, sends when its clocks say so, pulls, and connects again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::counter;
use mimiq_access::{Client as Provider, ClientError, Message, Refusal, Shape, codes};
use mimiq_directory::Routes;
use mimiq_messages::{Address, MessageId};
use rand::Rng as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::{NotSubmitted, Reached, Settings};
use crate::core::{Core, Event};
use crate::folder::{Folder, FolderError};
use crate::link::{LinkError, Linked};

/// Between attempts to connect: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Packets are built and encrypted at most so long before they leave, where the link waits with them; nanoseconds.
const AHEAD: u64 = 120_000_000;
/// For a connection to be made and the client to be admitted.
const LONGEST_CONNECT: Duration = Duration::from_secs(30);
/// The provider is asked for a newer state of the network in every epoch so often, but not more often than that.
const STATES_PER_EPOCH: u64 = 10;
const MOST_OFTEN: Duration = Duration::from_secs(1);
/// The runtime's clock cannot say more.
const FAR: Duration = Duration::from_secs(3600);

/// What an application wants.
pub(crate) enum Command {
    Submit { to: Address, text: Vec<u8>, reliable: bool, answer: oneshot::Sender<Result<MessageId, NotSubmitted>> },
    Taken { id: MessageId, answer: oneshot::Sender<Result<(), FolderError>> },
    Settle { answer: oneshot::Sender<()> },
}

/// Who is told that a message counts as received.
type Taken = oneshot::Sender<Result<(), FolderError>>;

/// That a message was taken is being stored.
struct Keeping {
    id: MessageId,
    answer: Taken,
    kept: oneshot::Receiver<Result<(), FolderError>>,
}

/// What tasks of a connection report.
enum Happened {
    Connected(Result<(Linked, Provider), Failure>),
    Pulled(Result<Vec<Message>, ClientError>),
    Lost(quinn::ConnectionError),
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no provider {0:?} in the network")]
    NoProvider(String),
    #[error("it does not answer")]
    Slow,
    #[error("the network: {0}")]
    Shape(mimiq_access::ConfigError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Provider(#[from] ClientError),
}

impl Failure {
    /// What it says of the provider. One that cannot look at the moment may serve the client soon.
    fn reached(&self) -> Reached {
        match self {
            Self::Provider(ClientError::Refused(refusal)) if *refusal != Refusal::Unavailable => {
                Reached::Refused(*refusal)
            }
            _ => Reached::NotYet,
        }
    }
}

enum State {
    Waiting { until: Instant },
    Connecting,
    Connected { provider: Arc<Provider>, link: Linked },
}

pub(crate) struct Session {
    core: Core,
    settings: Settings,
    routes: watch::Receiver<Option<Arc<Routes>>>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    connected: watch::Sender<Reached>,
    report: mpsc::Sender<(u64, Happened)>,
    happened: mpsc::Receiver<(u64, Happened)>,
    state: State,
    /// Counts connections, so that what belongs to an old one is told apart.
    generation: u64,
    wait: Duration,
    /// When it is to look again.
    wake: Instant,
    /// While a pull is under way: whether nothing waited for being sent when it began.
    pulling: Option<bool>,
    settling: Vec<oneshot::Sender<()>>,
    folder: Option<Arc<Folder>>,
    /// Messages that were taken: those of which it has still to be stored, and the one of which it is.
    taking: VecDeque<(MessageId, Taken)>,
    keeping: Option<Keeping>,
    start: Instant,
}

impl Session {
    pub(crate) fn new(
        core: Core,
        mut settings: Settings,
        routes: watch::Receiver<Option<Arc<Routes>>>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        connected: watch::Sender<Reached>,
    ) -> Self {
        let start = Instant::now();
        let (report, happened) = mpsc::channel(16);
        let folder = settings.folder.take().map(Arc::new);
        Self {
            core,
            settings,
            routes,
            commands,
            events,
            connected,
            report,
            happened,
            state: State::Waiting { until: start },
            generation: 0,
            wait: FIRST_WAIT,
            wake: start,
            pulling: None,
            settling: Vec::new(),
            folder,
            taking: VecDeque::new(),
            keeping: None,
            start,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let routes = self.routes.borrow_and_update().clone();
            self.wake = match (&self.state, &routes) {
                (State::Waiting { until }, Some(_)) => (*until).min(self.at(self.core.next())),
                (_, Some(_)) => self.at(self.core.next()),
                (_, None) => Instant::now() + FAR,
            };
            let room = self.events.clone();
            tokio::select! {
                () = sleep_until(self.wake) => {}
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command, routes.as_deref()),
                    None => return,
                },
                Some((generation, happened)) = self.happened.recv() => if generation == self.generation {
                    self.happened(happened, routes.as_deref());
                },
                changed = self.routes.changed() => if changed.is_err() { return },
                kept = stored(&mut self.keeping) => self.kept(kept),
                // Whoever did not look at events may have done so now.
                _ = room.reserve(), if room.capacity() == 0 => {}
            }
            self.woke();
            let Some(routes) = routes else { continue };
            self.step(&routes);
        }
    }

    /// What is due now.
    fn step(&mut self, routes: &Arc<Routes>) {
        let now = self.now();
        let rng = &mut rand::rng();
        self.core.prepare(now, routes, rng);
        match &self.state {
            State::Waiting { until } if *until <= Instant::now() => self.connect(routes),
            State::Waiting { .. } | State::Connecting => {
                self.core.fire(now, routes, rng, |_, _, _| {});
            }
            State::Connected { provider, link } => {
                let (provider, departures) = (provider.clone(), link.departures.clone());
                if self.core.pull(now) {
                    self.pull(provider.clone(), now);
                }
                let mut packets = Vec::new();
                self.core.fire(now, routes, rng, |at, stream, packet| packets.push((at, stream, packet)));
                if let Some(departures) = departures {
                    let time = |at: u64| (self.start + Duration::from_nanos(at)).into_std();
                    departures.plan(packets.iter().map(|(at, _, packet)| (packet.len(), time(*at))));
                }
                for (_, stream, packet) in packets {
                    counter!("mimiq_client_packets_total", "stream" => stream.name()).increment(1);
                    if let Err(error) = provider.send_packet(packet.into()) {
                        tracing::debug!(%error, "a packet is lost");
                        counter!("mimiq_client_packets_lost_total").increment(1);
                    }
                }
            }
        }
        while self.events.capacity() > 0
            && let Some(event) = self.core.event()
        {
            // The receiver is gone only with the client.
            let _ = self.events.try_send(event);
        }
    }

    fn command(&mut self, command: Command, routes: Option<&Routes>) {
        match command {
            Command::Submit { to, text, reliable, answer } => {
                let _ = answer.send(self.submit(to, &text, reliable, routes));
            }
            Command::Taken { id, answer } => {
                self.taking.push_back((id, answer));
                self.keep();
            }
            Command::Settle { answer } => self.settling.push(answer),
        }
    }

    /// Stores that the first message that waits for it was taken. What that takes must not make packets late: one could tell from them that a
    /// message has come.
    fn keep(&mut self) {
        if self.keeping.is_some() {
            return;
        }
        while let Some((id, answer)) = self.taking.pop_front() {
            let Some(folder) = self.folder.clone() else {
                self.core.taken(id);
                let _ = answer.send(Ok(()));
                continue;
            };
            let snapshot = self.core.snapshot(Some(id));
            let (done, kept) = oneshot::channel();
            tokio::task::spawn_blocking(move || done.send(folder.keep(&snapshot)));
            self.keeping = Some(Keeping { id, answer, kept });
            return;
        }
    }

    /// It is stored, or cannot be.
    fn kept(&mut self, kept: Result<Result<(), FolderError>, oneshot::error::RecvError>) {
        // The other error is that of a runtime that ends.
        if let (Some(Keeping { id, answer, .. }), Ok(kept)) = (self.keeping.take(), kept) {
            if kept.is_ok() {
                self.core.taken(id);
            }
            let _ = answer.send(kept);
        }
        self.keep();
    }

    fn submit(
        &mut self,
        to: Address,
        text: &[u8],
        reliable: bool,
        routes: Option<&Routes>,
    ) -> Result<MessageId, NotSubmitted> {
        let name = to.provider();
        if routes.is_some_and(|routes| routes.directory().provider(name).is_none()) {
            return Err(NotSubmitted::Provider(name.to_owned()));
        }
        Ok(self.core.submit(to, text, reliable, &mut rand::rng())?)
    }

    fn connect(&mut self, routes: &Arc<Routes>) {
        self.generation += 1;
        self.state = State::Connecting;
        let (routes, report, generation) = (routes.clone(), self.report.clone(), self.generation);
        let name = self.settings.address.provider().to_owned();
        let (link, account) = (self.settings.link.clone(), *self.settings.keys.account());
        let token = self.settings.token.clone();
        tokio::spawn(async move {
            let connect = async {
                let directory = routes.directory();
                let provider = directory.provider(&name).ok_or(Failure::NoProvider(name.clone()))?;
                let shape = Shape::of(directory).map_err(Failure::Shape)?;
                let linked = link.connect(&account, provider).await?;
                let provider = Provider::hello(linked.connection.clone(), shape, token.as_ref()).await?;
                Ok((linked, provider))
            };
            let connected = timeout(LONGEST_CONNECT, connect).await.unwrap_or(Err(Failure::Slow));
            let _ = report.send((generation, Happened::Connected(connected))).await;
        });
    }

    /// To be called after waiting, before anything is judged by the clock.
    fn woke(&mut self) {
        let now = Instant::now();
        let late = now.saturating_duration_since(self.wake);
        if self.core.woken(late) {
            counter!("mimiq_client_standstills_total").increment(1);
        }
        self.wake = self.wake.max(now);
    }

    fn happened(&mut self, happened: Happened, routes: Option<&Routes>) {
        self.woke();
        match happened {
            Happened::Connected(Ok((link, provider))) => {
                self.wait = FIRST_WAIT;
                // The network's state has become too old meanwhile.
                let Some(routes) = routes else { return self.again(Reached::NotYet) };
                let provider = Arc::new(provider);
                self.watch(&link, &provider, routes);
                let ahead = if link.departures.is_some() { AHEAD } else { 0 };
                self.state = State::Connected { provider, link };
                self.pulling = None;
                self.core.connected(self.now(), ahead, routes, &mut rand::rng());
                self.connected.send_replace(Reached::Connected);
                tracing::debug!("connected");
            }
            Happened::Connected(Err(error)) => {
                tracing::warn!(%error, again_in = ?self.wait, "the provider cannot be reached");
                self.again(error.reached());
            }
            Happened::Lost(error) => {
                tracing::info!(%error, "the connection to the provider is lost");
                self.again(Reached::NotYet);
            }
            Happened::Pulled(Ok(messages)) => {
                // What was sent before the pull has left; and the provider knows what it may delete.
                if self.pulling.take() == Some(true) {
                    for settled in self.settling.drain(..) {
                        let _ = settled.send(());
                    }
                }
                counter!("mimiq_client_pulls_total").increment(1);
                for mut message in messages {
                    let (now, seconds) = (self.now(), seconds());
                    self.core.received(now, seconds, message.seq, message.id, &mut message.payload);
                }
            }
            Happened::Pulled(Err(error)) => {
                // The next answer could not be told from this one's rest.
                tracing::warn!(%error, "a pull failed: the provider is connected to again");
                self.close();
                self.again(Reached::NotYet);
            }
        }
    }

    /// Tells when the connection is lost, and asks for states of the network.
    fn watch(&self, link: &Linked, provider: &Arc<Provider>, routes: &Routes) {
        let (report, generation) = (self.report.clone(), self.generation);
        let connection = link.connection.clone();
        tokio::spawn(async move {
            let error = connection.closed().await;
            let _ = report.send((generation, Happened::Lost(error))).await;
        });
        if let Some(states) = self.settings.states.clone() {
            let every =
                Duration::from_secs(routes.directory().state().epochs.length / STATES_PER_EPOCH).max(MOST_OFTEN);
            tokio::spawn(ask(provider.clone(), self.routes.clone(), states, every));
        }
    }

    fn pull(&mut self, provider: Arc<Provider>, now: u64) {
        // The answer to the last one has not come: it will say what this one would.
        if self.pulling.is_some() {
            counter!("mimiq_client_pulls_skipped_total").increment(1);
            return;
        }
        self.pulling = Some(self.core.is_idle(now));
        let (report, generation, wanted) = (self.report.clone(), self.generation, self.core.wanted());
        tokio::spawn(async move {
            let pulled = provider.pull(wanted).await;
            let _ = report.send((generation, Happened::Pulled(pulled))).await;
        });
    }

    fn close(&self) {
        if let State::Connected { provider, link } = &self.state {
            if let Some(departures) = &link.departures {
                departures.clear();
            }
            provider.connection().close(codes::STOPPED.into(), b"");
        }
    }

    fn again(&mut self, reached: Reached) {
        self.core.disconnected();
        self.connected.send_replace(reached);
        // Not all clients of a provider at once.
        let until = Instant::now() + self.wait.mul_f64(rand::rng().random_range(0.5..1.5));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.generation += 1;
        self.state = State::Waiting { until };
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn at(&self, nanos: u64) -> Instant {
        let from = self.start.elapsed();
        Instant::now() + Duration::from_nanos(nanos).saturating_sub(from).min(FAR)
    }
}

impl Drop for Session {
    /// Tasks of the connection would keep it alive.
    fn drop(&mut self) {
        self.close();
    }
}

/// When a snapshot is stored, if one is being stored.
async fn stored(keeping: &mut Option<Keeping>) -> Result<Result<(), FolderError>, oneshot::error::RecvError> {
    match keeping {
        Some(keeping) => (&mut keeping.kept).await,
        None => std::future::pending().await,
    }
}

/// Asks for newer states as long as the connection lives, on a schedule that nothing else moves.
async fn ask(
    provider: Arc<Provider>,
    routes: watch::Receiver<Option<Arc<Routes>>>,
    states: mpsc::Sender<Vec<u8>>,
    every: Duration,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = provider.connection().closed() => return,
        }
        let serial = routes.borrow().as_ref().map_or(0, |routes| routes.directory().seen().serial);
        match provider.state(serial).await {
            Ok(Some(state)) => {
                if states.send(state).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the provider gives no state"),
        }
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_will_not_be_served_is_refused() {
        let refused = |refusal| Failure::Provider(ClientError::Refused(refusal)).reached();
        assert_eq!(refused(Refusal::Token), Reached::Refused(Refusal::Token));
        assert_eq!(refused(Refusal::Blocked), Reached::Refused(Refusal::Blocked));
        assert_eq!(refused(Refusal::Unavailable), Reached::NotYet);
        assert_eq!(Failure::Slow.reached(), Reached::NotYet);
    }
}
