//! The connection to the agent, which is made anew when the agent was restarted.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mimiq_api::framing::{self, FrameError};
use mimiq_api::local::{self, AgentMessage, AppRequest, Reason, Reclaim, Refused, Return, agent_message, app_request};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::agent::{AgentError, Outage};
use crate::address;
use crate::local::MOST_RECLAIMED;

mod order;

pub(super) use order::{Ask, Order, Take};
use order::{Pending, Wish};

/// How soon after a loss a new connection is tried, doubled up to [`LAST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LAST_BACKOFF: Duration = Duration::from_millis(500);
/// A day is longer than any lease; more would overflow a deadline.
const LONGEST_LIFETIME_MS: u64 = 24 * 3600 * 1000;

type Requests = mpsc::UnboundedSender<AppRequest>;

/// What is true across connections.
pub(super) struct Link {
    path: PathBuf,
    outage: watch::Sender<Option<Outage>>,
    /// What changes to true when an address ends.
    held: HashMap<IpAddr, watch::Sender<bool>>,
    pending: VecDeque<Pending>,
}

/// How a connection ended.
enum End {
    /// The application needs it no more.
    Unneeded,
    Lost(FrameError),
}

impl Link {
    pub(super) fn new(path: PathBuf, outage: watch::Sender<Option<Outage>>) -> Self {
        Self { path, outage, held: HashMap::new(), pending: VecDeque::new() }
    }

    /// Carries out orders until nobody can give any.
    pub(super) async fn run(mut self, first: UnixStream, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut stream = first;
        let mut wishes = Vec::new();
        loop {
            match self.converse(stream, wishes, &mut orders).await {
                End::Unneeded => return,
                End::Lost(error) => tracing::warn!(%error, "the agent is away; connections keep their addresses"),
            }
            self.outage.send_replace(Some(Outage::AgentAway));
            let unanswered = self.pending.drain(..).filter_map(|pending| match pending {
                Pending::Wish(wish) => Some(wish),
                // The next agent is not told of these.
                Pending::Return | Pending::Reclaim(_) => None,
            });
            wishes = unanswered.collect();
            let Some(next) = self.reconnect(&mut wishes, &mut orders).await else { return };
            tracing::info!("the agent is back");
            self.outage.send_replace(None);
            stream = next;
        }
    }

    /// Waits for the next agent; `None` if the application needs none any more.
    async fn reconnect(
        &mut self,
        wishes: &mut Vec<Wish>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Option<UnixStream> {
        let mut backoff = FIRST_BACKOFF;
        let mut attempt = Instant::now() + backoff;
        loop {
            let now = Instant::now();
            wishes.extract_if(.., |wish| wish.is_idle() || wish.deadline() <= now).for_each(Wish::fail);
            let wake = wishes.iter().map(Wish::deadline).fold(attempt, Instant::min);
            tokio::select! {
                order = orders.recv() => match order? {
                    Order::Take(take) => wishes.push(Wish::Take(take)),
                    Order::Ask(ask) => wishes.push(Wish::Ask(ask)),
                    Order::Return(address) => { self.held.remove(&address); }
                },
                () = tokio::time::sleep_until(wake.into()) => {
                    if attempt <= Instant::now() {
                        if let Ok(stream) = UnixStream::connect(&self.path).await {
                            return Some(stream);
                        }
                        backoff = (backoff * 2).min(LAST_BACKOFF);
                        attempt = Instant::now() + backoff;
                    }
                }
            }
        }
    }

    async fn converse(
        &mut self,
        stream: UnixStream,
        wishes: Vec<Wish>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> End {
        let (read, write) = stream.into_split();
        let (frames, messages) = mpsc::channel(1);
        let (requests, outbox) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(read_frames(read, frames));
        // Of its own: the agent takes no request while its answers are not read.
        tasks.spawn(write_frames(write, outbox));
        self.exchange(&requests, wishes, orders, messages).await.map_or_else(End::Lost, |()| End::Unneeded)
    }

    async fn exchange(
        &mut self,
        requests: &Requests,
        wishes: Vec<Wish>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        mut messages: mpsc::Receiver<Result<AgentMessage, FrameError>>,
    ) -> Result<(), FrameError> {
        let held: Vec<IpAddr> = self.held.keys().copied().collect();
        for addresses in held.chunks(MOST_RECLAIMED) {
            let bytes = addresses.iter().map(|address| address::to_bytes(*address)).collect();
            let reclaim = app_request::Request::Reclaim(Reclaim { addresses: bytes });
            self.ask(requests, reclaim, Pending::Reclaim(addresses.to_vec()));
        }
        for wish in wishes {
            self.wish(requests, wish);
        }
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Take(take)) => self.wish(requests, Wish::Take(take)),
                    Some(Order::Ask(ask)) => self.wish(requests, Wish::Ask(ask)),
                    Some(Order::Return(address)) => self.give_back(requests, address),
                    None => return Ok(()),
                },
                message = messages.recv() => match message {
                    Some(message) => self.receive(requests, message?)?,
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                },
            }
        }
    }

    fn wish(&mut self, requests: &Requests, wish: Wish) {
        let request = match &wish {
            Wish::Take(take) => {
                let wait = take.deadline.saturating_duration_since(Instant::now());
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                app_request::Request::Take(local::Take { ip_version: take.version, wait_ms })
            }
            Wish::Ask(ask) => ask.request.clone(),
        };
        self.ask(requests, request, Pending::Wish(wish));
    }

    fn give_back(&mut self, requests: &Requests, address: IpAddr) {
        self.held.remove(&address);
        let back = app_request::Request::Return(Return { address: address::to_bytes(address) });
        self.ask(requests, back, Pending::Return);
    }

    fn ask(&mut self, requests: &Requests, request: app_request::Request, pending: Pending) {
        self.pending.push_back(pending);
        // A connection that takes no more requests is read to its end all the same.
        let _ = requests.send(AppRequest { request: Some(request) });
    }

    fn receive(&mut self, requests: &Requests, message: AgentMessage) -> Result<(), FrameError> {
        use agent_message::Message::{Expired, NotHopping, Reclaimed, Refused, Returned, Taken};
        match message.message {
            Some(Expired(expired)) => {
                if let Some(held) = address::from_bytes(&expired.address).and_then(|address| self.held.get(&address)) {
                    held.send_replace(true);
                }
                return Ok(());
            }
            Some(NotHopping(not_hopping)) => {
                self.outage.send_replace(outage(not_hopping.reason()));
                return Ok(());
            }
            _ => {}
        }
        match (self.pending.pop_front(), message.message) {
            (Some(Pending::Wish(Wish::Ask(ask))), Some(message)) => {
                let message = match message {
                    Refused(refused) => Err(error(refused)),
                    other => Ok(other),
                };
                // Whoever asked may be gone.
                let _ = ask.answer.send(message);
                Ok(())
            }
            (Some(Pending::Wish(Wish::Take(take))), Some(Taken(taken))) => {
                let Some(address) = address::from_bytes(&taken.address) else {
                    return unexpected("taken.address: not 4 or 16 bytes");
                };
                let (held, expired) = watch::channel(false);
                self.held.insert(address, held);
                let lifetime = Duration::from_millis(taken.lifetime_ms.min(LONGEST_LIFETIME_MS));
                let taken = super::agent::Taken { address, lifetime, mtu: taken.mtu, expired };
                if take.answer.send(Ok(taken)).is_err() {
                    // Nobody waits for it any more.
                    self.give_back(requests, address);
                }
                Ok(())
            }
            (Some(Pending::Wish(Wish::Take(take))), Some(Refused(refused))) => {
                let _ = take.answer.send(Err(error(refused)));
                Ok(())
            }
            (Some(Pending::Return), Some(Returned(_))) => Ok(()),
            (Some(Pending::Return), Some(Refused(refused))) => {
                tracing::debug!(refused.message, "a return was refused");
                Ok(())
            }
            (Some(Pending::Reclaim(asked)), Some(Reclaimed(reclaimed))) => {
                let vouched: Vec<_> =
                    reclaimed.addresses.iter().filter_map(|taken| address::from_bytes(&taken.address)).collect();
                self.lose(asked.iter().filter(|address| !vouched.contains(address)));
                Ok(())
            }
            (Some(Pending::Reclaim(asked)), Some(Refused(_))) => {
                self.lose(asked.iter());
                Ok(())
            }
            (_, None) => unexpected("message: missing or unknown"),
            _ => unexpected("an answer that was not asked for"),
        }
    }

    /// Addresses that the agent does not vouch for have ended.
    fn lose<'a>(&self, addresses: impl Iterator<Item = &'a IpAddr>) {
        for address in addresses {
            if let Some(held) = self.held.get(address) {
                held.send_replace(true);
            }
        }
    }
}

async fn write_frames(mut write: OwnedWriteHalf, mut requests: mpsc::UnboundedReceiver<AppRequest>) {
    while let Some(request) = requests.recv().await {
        if framing::write(&mut write, &request).await.is_err() {
            return;
        }
    }
}

async fn read_frames(mut read: OwnedReadHalf, frames: mpsc::Sender<Result<AgentMessage, FrameError>>) {
    while let Some(frame) = framing::read(&mut read).await.transpose() {
        let last = frame.is_err();
        if frames.send(frame).await.is_err() || last {
            return;
        }
    }
}

fn unexpected(what: &str) -> Result<(), FrameError> {
    Err(io::Error::new(io::ErrorKind::InvalidData, what).into())
}

fn error(refused: Refused) -> AgentError {
    let (outage, retry_after) = (outage(refused.reason()), Duration::from_millis(refused.retry_after_ms));
    AgentError::Refused { message: refused.message, retry_after, outage }
}

fn outage(reason: Reason) -> Option<Outage> {
    match reason {
        Reason::Unspecified => None,
        Reason::Empty => Some(Outage::NoAddress),
        Reason::ControllerAway => Some(Outage::ControllerAway),
    }
}
