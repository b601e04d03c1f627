//! The connections of a session: the current one, and those that finish their requests.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::super::class::Class;
use super::super::hopping::Hopping;

/// All connections of a session, as far as they matter for its figures.
#[derive(Default)]
pub(super) struct Slots(Mutex<Figures>);

#[derive(Default)]
struct Figures {
    connections: u64,
    /// Of those that are gone.
    hops: u64,
    links_seen: u64,
    open: Vec<Weak<Slot>>,
}

impl Slots {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another connection of the session.
    pub(super) fn add(self: &Arc<Self>, hopping: Hopping) -> Arc<Slot> {
        let mut figures = self.lock();
        figures.connections += 1;
        let slot = Slot { number: figures.connections, hopping, leave: AtomicBool::new(false), slots: self.clone() };
        let slot = Arc::new(slot);
        figures.open.retain(|open| open.strong_count() > 0);
        figures.open.push(Arc::downgrade(&slot));
        slot
    }

    /// Connections, hops, links seen.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        // The slots are dropped after the lock: they take it themselves.
        let (open, (connections, mut hops, mut links_seen)) = {
            let figures = self.lock();
            let open: Vec<_> = figures.open.iter().filter_map(Weak::upgrade).collect();
            (open, (figures.connections, figures.hops, figures.links_seen))
        };
        for stats in open.iter().map(|slot| slot.hopping.stats()) {
            hops += stats.hops;
            links_seen += stats.links_seen;
        }
        (connections, hops, links_seen)
    }
}

/// A connection of a session. It closes when the session has left it and the last request is done.
pub(super) struct Slot {
    number: u64,
    pub(super) hopping: Hopping,
    /// No further request is to use it.
    leave: AtomicBool,
    slots: Arc<Slots>,
}

impl Slot {
    /// Whether no request uses it.
    pub(super) fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }

    /// Whether no request can use it any more.
    pub(super) fn is_over(&self) -> bool {
        let closed = self.hopping.connection().close_reason().is_some();
        closed || self.leave.load(Ordering::Relaxed) || self.hopping.is_stalled()
    }

    /// Whether its address ends and it cannot hop.
    pub(super) fn must_go(&self, class: Class) -> bool {
        self.hopping.stats().hops >= class.budget() && self.hopping.has_expired()
    }

    /// Closes it.
    pub(super) fn close(&self) -> impl Future<Output = ()> + use<> {
        self.hopping.closing()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let (stats, mut figures) = (self.hopping.stats(), self.slots.lock());
        figures.hops += stats.hops;
        figures.links_seen += stats.links_seen;
    }
}

/// A connection while a request uses it. It is a [`quinn::Connection`] by [`Deref`]; the request must not outlive this.
#[derive(Clone)]
pub struct Ride(Arc<Slot>);

impl Ride {
    pub(super) fn new(slot: &Arc<Slot>) -> Self {
        Self(slot.clone())
    }

    /// Which connection of the session it is, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Where packets leave from.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.0.hopping.source()
    }

    /// Waits until the connection is at its end: closed, or the server stays silent at its newest address.
    pub async fn stalled(&self) {
        self.0.hopping.stalled().await;
    }

    /// The next request is to use another connection.
    pub fn leave(&self) {
        self.0.leave.store(true, Ordering::Relaxed);
    }
}

impl Deref for Ride {
    type Target = quinn::Connection;

    fn deref(&self) -> &Self::Target {
        self.0.hopping.connection()
    }
}

impl fmt::Debug for Ride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ride").field(&self.0.number).finish()
    }
}
