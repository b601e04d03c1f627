//! Requests to one server from ever new addresses, whatever the server's class: a session hops where that is known to do no
//! harm, finds out where it is not, and else lets another connection take over.

mod slot;
mod standby;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use self::slot::{Slot, Slots};
use self::standby::Standby;
use super::class::{self, Class, Key, Step};
use super::connector::{ConnectError, Connector};
use super::gate::Refusal;
use super::hopping::{HopError, Hopping};
use crate::policy::Policy;

pub use slot::Ride;

/// A hop that waits for connection IDs looks for them so often: quinn does not say when one arrives.
const TICK: Duration = Duration::from_millis(2);

/// How a session came to its new address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The connection hopped to it.
    Hopped(SocketAddr),
    /// A new connection, from it, takes the next requests; the old one finishes those under way.
    RolledOver(SocketAddr),
    /// Nowhere yet: before the next request. The server is not known, and requests are under way.
    Later,
}

/// Why a session is where it was.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No hop.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// No new connection.
    #[error("no new connection: {0}")]
    Connect(#[from] ConnectError),
}

impl SessionError {
    /// The reason's name in metrics and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hop(error) => error.name(),
            Self::Connect(ConnectError::Agent(_)) => "no_address",
            Self::Connect(_) => "no_connection",
        }
    }
}

/// What happened to a session so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStats {
    /// The server's, as far as it is known.
    pub class: Class,
    /// Hops within connections.
    pub migrations: u64,
    /// Connections that took over from another.
    pub rollovers: u64,
    /// As in [`super::Stats`], over all connections.
    pub links_seen: u64,
}

/// A series of connections to one server, of which the application sees one at a time. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    connector: Connector,
    key: Key,
    slots: Arc<Slots>,
    state: Mutex<State>,
}

struct State {
    current: Arc<Slot>,
    standby: Option<Standby>,
    /// A hop was asked for that has to come before the next request.
    due: bool,
}

impl Session {
    pub(crate) async fn open(connector: Connector, server: SocketAddr, name: &str) -> Result<Self, ConnectError> {
        let key = (server, name.to_owned());
        // The session hops, not its connections.
        let connector = connector.policy(Policy::PerConnection);
        let first = connect(&connector, &key).await?;
        let slots = Arc::new(Slots::default());
        let state = Mutex::new(State { current: slots.add(first), standby: None, due: false });
        let inner = Inner { connector, key, slots, state };
        inner.prepare(&mut *inner.state.lock().await);
        Ok(Self(Arc::new(inner)))
    }

    /// The connection for the next request. Keep what it returns until the reply is read: until then the connection is not
    /// used for trying what the server puts up with, and not closed.
    ///
    /// # Errors
    /// If the connection is at its end and there is no other.
    pub async fn connection(&self) -> Result<Ride, ConnectError> {
        let state = &mut *self.0.state.lock().await;
        let class = self.0.class();
        let due = std::mem::take(&mut state.due);
        if state.current.is_over() {
            self.0.roll_over(state).await?;
        } else if due || state.current.must_go(class) {
            // As with any hop: without an address it stays.
            if let Err(error) = self.0.advance(state, true).await {
                tracing::debug!(%error, "the session stays at its address");
            }
        }
        Ok(Ride::new(&state.current))
    }

    /// Changes the address for the next requests. Requests under way are not disturbed.
    ///
    /// # Errors
    /// If there is no address or no new connection; the session stays as it is.
    pub async fn hop(&self) -> Result<Moved, SessionError> {
        let state = &mut *self.0.state.lock().await;
        self.0.advance(state, false).await
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let (connections, hops, links_seen) = self.0.slots.totals();
        SessionStats { class: self.0.class(), migrations: hops, rollovers: connections.saturating_sub(1), links_seen }
    }

    /// Closes the connection and waits until its last packet is out. Those of requests under way go on until they are done.
    pub async fn close(self) {
        let closed = {
            let state = &mut *self.0.state.lock().await;
            state.standby = None;
            state.current.close()
        };
        closed.await;
    }
}

impl Inner {
    fn class(&self) -> Class {
        self.connector.memory().of(&self.key, Instant::now()).class()
    }

    /// To another address; at once, if `now`.
    async fn advance(&self, state: &mut State, now: bool) -> Result<Moved, SessionError> {
        let hops = state.current.hopping.stats().hops;
        let moved = match class::step(self.class(), hops, state.current.is_idle()) {
            _ if state.current.is_over() => Ok(Moved::RolledOver(self.roll_over(state).await?)),
            // Servers that stop soon have few connection IDs, and use the last one again rather than tell: with another connection
            // at hand there is no need to count them in a hurry.
            Step::Hop if state.standby.is_some() && !state.current.hopping.is_rested() => {
                Ok(Moved::RolledOver(self.roll_over(state).await?))
            }
            Step::Hop => self.hop(state).await,
            Step::Try => self.try_hop(state, hops).await,
            Step::Later if !now => {
                state.due = true;
                Ok(Moved::Later)
            }
            Step::Later | Step::RollOver => Ok(Moved::RolledOver(self.roll_over(state).await?)),
        };
        self.prepare(state);
        moved
    }

    async fn hop(&self, state: &mut State) -> Result<Moved, SessionError> {
        match hop_with_patience(&state.current.hopping).await {
            Ok(source) => Ok(Moved::Hopped(source)),
            Err(HopError::Refused(_)) => Ok(Moved::RolledOver(self.roll_over(state).await?)),
            Err(error) => Err(error.into()),
        }
    }

    /// One hop further than is known to do no harm. No request is under way, and none is begun until the server has followed.
    async fn try_hop(&self, state: &mut State, hops: u64) -> Result<Moved, SessionError> {
        let hopping = &state.current.hopping;
        let before = hopping.generation();
        hopping.allow(hops + 1);
        let (stopped, links) = match hop_with_patience(hopping).await {
            Ok(source) if hopping.follows(before).await && hopping.stats().links_seen == 0 => {
                self.connector.memory().of(&self.key, Instant::now()).followed(hops + 1);
                return Ok(Moved::Hopped(source));
            }
            Ok(_) => (true, hopping.stats().links_seen > 0),
            Err(HopError::Refused(Refusal::NoSpareServerId | Refusal::NoSpareClientId)) => (true, false),
            Err(HopError::Refused(_)) => (false, false),
            Err(error) => {
                hopping.allow(hops);
                return Err(error.into());
            }
        };
        let old = state.current.clone();
        let source = self.roll_over(state).await?;
        // That the server answers elsewhere and not there is its own doing, and not the network's.
        if stopped && (links || !old.hopping.follows_now(before)) {
            self.connector.memory().of(&self.key, Instant::now()).stopped(hops);
        }
        Ok(Moved::RolledOver(source))
    }

    /// The connection that was opened ahead, or a new one, takes the next requests.
    async fn roll_over(&self, state: &mut State) -> Result<SocketAddr, ConnectError> {
        let next = match state.standby.take() {
            Some(standby) => standby.connection().await,
            None => None,
        };
        let next = match next {
            Some(next) => next,
            None => connect(&self.connector, &self.key).await?,
        };
        let source = next.source();
        let old = std::mem::replace(&mut state.current, self.slots.add(next));
        let hops = old.hopping.stats().hops;
        if hops > 0 && old.hopping.is_stalled() {
            self.connector.memory().of(&self.key, Instant::now()).stopped(hops - 1);
        }
        self.prepare(state);
        source.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into())
    }

    /// Bounds the connection's own hops, and opens the next connection if this one will have to be left.
    fn prepare(&self, state: &mut State) {
        let class = self.class();
        state.current.hopping.allow(class.budget());
        if matches!(class, Class::Forbidding | Class::Capped(_)) {
            let (connector, key) = (self.connector.clone(), self.key.clone());
            state.standby.get_or_insert_with(|| Standby::open(async move { connect(&connector, &key).await }));
        }
    }
}

async fn connect(connector: &Connector, key: &Key) -> Result<Hopping, ConnectError> {
    let hopping = connector.connect(key.0, &key.1).await?;
    connector.memory().of(key, Instant::now()).says(hopping.said());
    Ok(hopping)
}

/// A hop that waits for the connection IDs or the confirmation of the handshake, if they are on their way, and goes on after a
/// connection ID that cannot be used.
async fn hop_with_patience(hopping: &Hopping) -> Result<SocketAddr, HopError> {
    let until = hopping.ids_due();
    loop {
        match hopping.hop().await {
            Err(HopError::Refused(
                Refusal::HandshakeNotConfirmed
                | Refusal::NoSpareServerId
                | Refusal::NoSpareClientId
                | Refusal::RepeatedServerId,
            )) if Instant::now() < until => tokio::time::sleep(TICK).await,
            outcome => return outcome,
        }
    }
}
