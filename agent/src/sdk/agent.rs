//! The application's end of the agent's Unix socket.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use mimiq_api::local::{agent_message, app_request};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::link::{Link, Order};

/// Why there is nothing to hop to; connections keep their addresses meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The agent is not there: it was stopped, or is being restarted.
    AgentAway,
    /// The agent's stock is used up and the controller cannot be reached.
    ControllerAway,
    /// The agent's stock is used up and the controller grants no more.
    NoAddress,
}

impl Outage {
    /// The reason's name in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AgentAway => "agent_away",
            Self::ControllerAway => "controller_away",
            Self::NoAddress => "no_address",
        }
    }
}

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
        /// Whether that is because there is nothing to hop to.
        outage: Option<Outage>,
    },
    /// It went away or speaks another protocol.
    #[error("agent: the connection ended")]
    Gone,
}

impl AgentError {
    /// The reason's name in metrics and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Io(_) | Self::Gone => Outage::AgentAway.name(),
            Self::Refused { outage, .. } => outage.unwrap_or(Outage::NoAddress).name(),
        }
    }
}

/// A connection to the agent; clones share it. What was taken through it goes back when it closes.
///
/// If the agent is stopped or killed, what was taken stays; the connection waits for the next agent, and goes on there.
#[derive(Clone, Debug)]
pub struct Agent {
    orders: mpsc::UnboundedSender<Order>,
    outage: watch::Receiver<Option<Outage>>,
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
        // Without an agent the next one will not be told of the address.
        let _ = self.orders.send(Order::Return(self.address));
    }
}

/// What a take is answered with.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) address: IpAddr,
    pub(super) lifetime: Duration,
    pub(super) mtu: u32,
    pub(super) expired: watch::Receiver<bool>,
}

impl Agent {
    /// Connects to the agent's Unix socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If nobody listens there.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        let stream = UnixStream::connect(&path).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (said, outage) = watch::channel(None);
        tokio::spawn(Link::new(path.as_ref().to_owned(), said).run(stream, inbox));
        Ok(Self { orders, outage })
    }

    /// Says why there is nothing to hop to, while that is so.
    #[must_use]
    pub fn outage(&self) -> watch::Receiver<Option<Outage>> {
        self.outage.clone()
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

    /// Takes an address of IP version 4 or 6, waiting for it up to `wait` if the stock is empty or the agent is away.
    ///
    /// # Errors
    /// If the agent is gone or refuses.
    pub async fn take(&self, version: u32, wait: Duration) -> Result<Lease, AgentError> {
        let (answer, taken) = oneshot::channel();
        let deadline = Instant::now() + wait;
        self.orders.send(Order::Take { version, deadline, answer }).map_err(|_| AgentError::Gone)?;
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
