//! The application's end of the agent's Unix socket.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use mimiq_api::framing::{self, FrameError};
use mimiq_api::local::{AgentMessage, AppRequest, Refused, Return, Take, agent_message, app_request};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use crate::address;

/// Why the agent gave no address.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It cannot be reached.
    #[error("agent: {0}")]
    Io(#[from] io::Error),
    /// It said no.
    #[error("agent: {message}")]
    Refused {
        /// Why.
        message: String,
        /// When a new attempt may succeed; zero if it will not.
        retry_after: Duration,
    },
    /// It went away or speaks another protocol.
    #[error("agent: the connection ended")]
    Gone,
}

/// A connection to the agent; clones share it. What was taken through it goes back when it closes.
#[derive(Clone, Debug)]
pub struct Agent {
    orders: mpsc::UnboundedSender<Order>,
}

/// An address that is this application's alone. Dropping it gives it back: it is released, never reused.
#[derive(Debug)]
pub struct Lease {
    address: IpAddr,
    ends: Instant,
    mtu: u32,
    expired: watch::Receiver<bool>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Lease {
    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Until when it may be sent from.
    #[must_use]
    pub fn ends(&self) -> Instant {
        self.ends
    }

    /// The largest packet that may be sent from it, bytes.
    #[must_use]
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Changes to true when the agent says that the address ends.
    #[must_use]
    pub fn expired(&self) -> watch::Receiver<bool> {
        self.expired.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // If the agent is gone, so is the address.
        let _ = self.orders.send(Order::Return(self.address));
    }
}

#[derive(Debug)]
enum Order {
    /// Anything with one answer.
    Ask {
        request: app_request::Request,
        answer: Answer,
    },
    Take {
        version: u32,
        wait: Duration,
        answer: oneshot::Sender<Result<Taken, AgentError>>,
    },
    Return(IpAddr),
}

type Answer = oneshot::Sender<Result<agent_message::Message, AgentError>>;

#[derive(Debug)]
struct Taken {
    address: IpAddr,
    lifetime: Duration,
    mtu: u32,
    expired: watch::Receiver<bool>,
}

impl Agent {
    /// Connects to the agent's Unix socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If nobody listens there.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        let (read, write) = UnixStream::connect(path).await?.into_split();
        let (orders, inbox) = mpsc::unbounded_channel();
        let (frames, messages) = mpsc::channel(1);
        tokio::spawn(read_frames(read, frames));
        tokio::spawn(async move {
            let mut client = Client { write, pending: VecDeque::new(), held: HashMap::new() };
            if let Err(error) = client.run(inbox, messages).await {
                tracing::warn!(%error, "the connection to the agent ended");
            }
        });
        Ok(Self { orders })
    }

    /// Asks something that is answered by one message.
    pub(crate) async fn ask(&self, request: app_request::Request) -> Result<agent_message::Message, AgentError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Ask { request, answer }).map_err(|_| AgentError::Gone)?;
        answered.await.map_err(|_| AgentError::Gone)?
    }

    /// Says something; that there is an answer, and what, does not matter.
    pub(crate) fn tell(&self, request: app_request::Request) {
        let (answer, _) = oneshot::channel();
        // If the agent is gone, there is nobody to tell.
        let _ = self.orders.send(Order::Ask { request, answer });
    }

    /// Takes an address of IP version 4 or 6, waiting for it up to `wait` if the stock is empty.
    ///
    /// # Errors
    /// If the agent is gone or refuses.
    pub async fn take(&self, version: u32, wait: Duration) -> Result<Lease, AgentError> {
        let (answer, taken) = oneshot::channel();
        self.orders.send(Order::Take { version, wait, answer }).map_err(|_| AgentError::Gone)?;
        let taken = taken.await.map_err(|_| AgentError::Gone)??;
        Ok(Lease {
            address: taken.address,
            ends: Instant::now() + taken.lifetime,
            mtu: taken.mtu,
            expired: taken.expired,
            orders: self.orders.clone(),
        })
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

fn refusal(refused: Refused) -> AgentError {
    AgentError::Refused { message: refused.message, retry_after: Duration::from_millis(refused.retry_after_ms) }
}

/// What the agent answers next.
enum Pending {
    Ask(Answer),
    Take(oneshot::Sender<Result<Taken, AgentError>>),
    Return,
}

struct Client {
    write: OwnedWriteHalf,
    pending: VecDeque<Pending>,
    held: HashMap<IpAddr, watch::Sender<bool>>,
}

impl Client {
    async fn run(
        &mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut messages: mpsc::Receiver<Result<AgentMessage, FrameError>>,
    ) -> Result<(), FrameError> {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.send(order).await?,
                    None => return Ok(()),
                },
                message = messages.recv() => match message {
                    Some(message) => self.receive(message?).await?,
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                },
            }
        }
    }

    async fn send(&mut self, order: Order) -> Result<(), FrameError> {
        let (request, pending) = match order {
            Order::Ask { request, answer } => (request, Pending::Ask(answer)),
            Order::Take { version, wait, answer } => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                (app_request::Request::Take(Take { ip_version: version, wait_ms }), Pending::Take(answer))
            }
            Order::Return(address) => {
                self.held.remove(&address);
                (app_request::Request::Return(Return { address: address::to_bytes(address) }), Pending::Return)
            }
        };
        self.pending.push_back(pending);
        framing::write(&mut self.write, &AppRequest { request: Some(request) }).await
    }

    async fn receive(&mut self, message: AgentMessage) -> Result<(), FrameError> {
        let unexpected = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
        let event = matches!(message.message, Some(agent_message::Message::Expired(_)) | None);
        if !event
            && matches!(self.pending.front(), Some(Pending::Ask(_)))
            && let Some(Pending::Ask(answer)) = self.pending.pop_front()
        {
            let message = match message.message {
                Some(agent_message::Message::Refused(refused)) => Err(refusal(refused)),
                other => other.ok_or(AgentError::Gone),
            };
            // Whoever asked may have gone.
            let _ = answer.send(message);
            return Ok(());
        }
        let answer = match message.message {
            Some(agent_message::Message::Expired(expired)) => {
                if let Some(held) = address::from_bytes(&expired.address).and_then(|address| self.held.get(&address)) {
                    held.send_replace(true);
                }
                return Ok(());
            }
            Some(agent_message::Message::Taken(taken)) => {
                let Some(address) = address::from_bytes(&taken.address) else {
                    return unexpected("taken.address: not 4 or 16 bytes");
                };
                let (held, expired) = watch::channel(false);
                self.held.insert(address, held);
                // A day is longer than any lease; more would overflow a deadline.
                let lifetime = Duration::from_millis(taken.lifetime_ms.min(24 * 3600 * 1000));
                Some(Ok(Taken { address, lifetime, mtu: taken.mtu, expired }))
            }
            Some(agent_message::Message::Refused(refused)) => Some(Err(refusal(refused))),
            Some(agent_message::Message::Returned(_)) => None,
            _ => return unexpected("message: missing, unknown or not asked for"),
        };
        match (self.pending.pop_front(), answer) {
            (Some(Pending::Take(sender)), Some(answer)) => match sender.send(answer) {
                // Nobody waits for it any more.
                Err(Ok(taken)) => self.send(Order::Return(taken.address)).await,
                _ => Ok(()),
            },
            (Some(Pending::Return), None) => Ok(()),
            (Some(Pending::Return), Some(Err(error))) => {
                tracing::debug!(%error, "a return was refused");
                Ok(())
            }
            _ => unexpected("an answer that was not asked for"),
        }
    }
}
