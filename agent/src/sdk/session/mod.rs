//! Requests to one server from ever new addresses, whatever the server's class: a session hops where that is known to do no
//! harm, finds out where it is not, and else lets another connection take over.

mod slot;
mod standby;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

use self::slot::Slot;
use self::standby::Standby;
use super::class::{self, Class, Key, Step};
use super::connector::{ConnectError, Connector};
use super::follow::Mover;
use super::gate::Refusal;
use super::group::{Group, Totals};
use super::hopping::{HopError, Hopping, may_pass};
use super::trail::Trail;
use crate::policy::Policy;

pub use slot::Ride;

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
            Self::Connect(error) => Self::name_of(error),
        }
    }

    fn name_of(error: &ConnectError) -> &'static str {
        match error {
            ConnectError::Agent(error) => error.name(),
            _ => "no_connection",
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
    /// As in [`super::Stats`], over all connections.
    pub unvalidated: u64,
}

/// A series of connections to one server, of which the application sees one at a time. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

pub(super) struct Inner {
    connector: Connector,
    key: Key,
    policy: Policy,
    group: Arc<Group>,
    state: Mutex<State>,
}

struct State {
    current: Arc<Slot>,
    standby: Option<Standby>,
    /// A hop was asked for that has to come before the next request.
    due: bool,
    /// Since a hop was refused for want of connection IDs: until when they must have come.
    ids_due: Option<Instant>,
}

impl Session {
    pub(crate) async fn open(connector: Connector, server: SocketAddr, name: &str) -> Result<Self, ConnectError> {
        let key = (server, name.to_owned());
        let policy = connector.choose(server, name).await?;
        let group = Arc::new(Group::new(Arc::default()));
        let first = connect(&connector, &key, policy == Policy::Never, &group).await?;
        let current = Slot::new(first, &group);
        let state = Mutex::new(State { current, standby: None, due: false, ids_due: None });
        let inner = Arc::new(Inner { connector, key, policy, group, state });
        inner.prepare(&mut *inner.state.lock().await);
        inner.connector.follow(policy, inner.group.clone(), Mover::Session(Arc::downgrade(&inner)));
        Ok(Self(inner))
    }

    /// The connection for the next request. Keep what it returns until the reply is read: until then the connection is not
    /// used for trying what the server puts up with, and not closed.
    ///
    /// # Errors
    /// If the connection is at its end and there is no other.
    pub async fn connection(&self) -> Result<Ride, ConnectError> {
        let state = &mut *self.0.state.lock().await;
        if self.0.is_closed() {
            return Err(quinn::ConnectionError::LocallyClosed.into());
        }
        let class = self.0.class();
        let due = std::mem::take(&mut state.due);
        if state.current.is_over() {
            self.0.roll_over(state, self.0.policy == Policy::Never).await?;
        } else if due || state.current.must_go(class) {
            // As with any hop: without an address it stays.
            if let Err(error) = self.0.advance(state, When::Now).await {
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
        self.0.advance(state, When::Asked).await
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let (totals, rollovers) = (self.0.group.totals(), self.0.group.rollovers());
        let Totals { hops: migrations, links_seen, unvalidated } = totals;
        SessionStats { class: self.0.class(), migrations, rollovers, links_seen, unvalidated }
    }

    /// How often it did not move when it was to, by reason.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.0.group.refusals()
    }

    /// Follows its addresses.
    pub(crate) fn trail(&self) -> Trail {
        Trail::new(self.0.group.clone())
    }

    /// Closes the connection, and the session with it; waits until the last packet is out. Connections that were left and have
    /// requests under way go on until these are done.
    pub async fn close(self) {
        let closed = {
            let state = &mut *self.0.state.lock().await;
            self.0.group.close();
            state.standby = None;
            state.current.close()
        };
        let Self(inner) = self;
        let group = inner.group.clone();
        drop(inner);
        tokio::join!(closed, group.unfollowed.notified());
    }
}

/// When a move is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Now, whatever it takes: the next request waits for it.
    Now,
    /// Soon: what is missing for it is waited for.
    Asked,
    /// Without delaying a request: what is missing for it is said.
    Due,
}

impl Inner {
    pub(super) fn is_closed(&self) -> bool {
        self.group.is_closed()
    }

    /// Moves because the policy wants it. Without a connection there is nothing to move: the next request gets a fresh address.
    pub(super) async fn hop_by_policy(&self) -> Result<Moved, SessionError> {
        let state = &mut *self.state.lock().await;
        // It may have moved while this waited for its turn.
        if self.is_closed() || state.current.is_over() || self.group.has_moved() {
            return Ok(Moved::Later);
        }
        self.advance(state, When::Due).await
    }

    fn class(&self) -> Class {
        self.connector.memory().of(&self.key, Instant::now()).class()
    }

    /// To another address.
    async fn advance(&self, state: &mut State, when: When) -> Result<Moved, SessionError> {
        state.due = false;
        let hops = state.current.hopping.stats().hops;
        let moved = match class::step(self.class(), hops, state.current.is_idle()) {
            _ if state.current.is_over() => Ok(Moved::RolledOver(self.roll_over(state, false).await?)),
            // Servers that stop soon have few connection IDs, and use the last one again rather than tell: with another connection
            // at hand there is no need to count them in a hurry.
            Step::Hop if state.standby.is_some() && !state.current.hopping.is_rested() => {
                Ok(Moved::RolledOver(self.roll_over(state, false).await?))
            }
            Step::Hop => self.hop(state, when).await,
            Step::Try => self.try_hop(state, hops).await,
            Step::Later if when != When::Now => {
                state.due = true;
                Ok(Moved::Later)
            }
            Step::Later | Step::RollOver => Ok(Moved::RolledOver(self.roll_over(state, false).await?)),
        };
        self.prepare(state);
        moved
    }

    async fn hop(&self, state: &mut State, when: When) -> Result<Moved, SessionError> {
        let hopping = &state.current.hopping;
        let hopped = if when == When::Due { hopping.hop().await } else { hopping.hop_with_patience().await };
        match hopped {
            Ok(source) => {
                state.ids_due = None;
                Ok(Moved::Hopped(source))
            }
            // They may be on their way.
            Err(HopError::Refused(refusal))
                if when == When::Due
                    && may_pass(refusal)
                    && Instant::now() < *state.ids_due.get_or_insert_with(|| hopping.ids_due()) =>
            {
                Err(HopError::Refused(refusal).into())
            }
            Err(HopError::Refused(_)) => Ok(Moved::RolledOver(self.roll_over(state, false).await?)),
            Err(error) => Err(error.into()),
        }
    }

    /// One hop further than is known to do no harm. No request is under way, and none is begun until the server has followed.
    async fn try_hop(&self, state: &mut State, hops: u64) -> Result<Moved, SessionError> {
        let hopping = &state.current.hopping;
        let before = hopping.generation();
        hopping.allow(hops + 1);
        let (stopped, links) = match hopping.hop_with_patience().await {
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
        let source = self.roll_over(state, false).await?;
        // That the server answers elsewhere and not there is its own doing, and not the network's.
        if stopped && (links || !old.hopping.follows_now(before)) {
            self.connector.memory().of(&self.key, Instant::now()).stopped(hops);
        }
        Ok(Moved::RolledOver(source))
    }

    /// The connection that was opened ahead, or a new one, takes the next requests: from a fresh address, or from `home`.
    async fn roll_over(&self, state: &mut State, home: bool) -> Result<SocketAddr, ConnectError> {
        let next = match state.standby.take() {
            Some(standby) => standby.connection().await,
            None => None,
        };
        let next = match next {
            Some(next) => next,
            None => connect(&self.connector, &self.key, home, &self.group)
                .await
                .inspect_err(|error| self.group.refused(SessionError::name_of(error)))?,
        };
        let source = next.source();
        let old = std::mem::replace(&mut state.current, Slot::new(next, &self.group));
        state.ids_due = None;
        if let Some(hops) = old.hopping.hops_until_stall() {
            self.connector.memory().of(&self.key, Instant::now()).stopped(hops);
        }
        self.prepare(state);
        source.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into())
    }

    /// Bounds the connection's own hops, and opens the next connection if this one will have to be left.
    fn prepare(&self, state: &mut State) {
        let class = self.class();
        state.current.hopping.allow(class.budget());
        // One that stays at home is left only when it must be.
        if self.policy != Policy::Never && matches!(class, Class::Forbidding | Class::Capped(_)) {
            let (connector, key, group) = (self.connector.clone(), self.key.clone(), self.group.clone());
            let open = || Standby::open(async move { connect(&connector, &key, false, &group).await });
            state.standby.get_or_insert_with(open);
        }
    }
}

/// A connection for the session, which is not one of the group yet.
async fn connect(connector: &Connector, key: &Key, home: bool, group: &Group) -> Result<Hopping, ConnectError> {
    let hopping = connector.open((key.0, &key.1), home, &group.traffic).await?;
    connector.memory().of(key, Instant::now()).says(hopping.said());
    Ok(hopping)
}
