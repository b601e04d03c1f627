//! A connection of a session: the current one, or one that finishes its requests.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::class::Class;
use super::super::group::Group;
use super::super::hopping::Hopping;

/// It closes when the session has left it and the last request is done.
pub(super) struct Slot {
    number: u64,
    pub(super) hopping: Hopping,
    /// Some request was to use it.
    used: Arc<AtomicBool>,
    /// No further request is to use it.
    leave: AtomicBool,
    requests: AtomicUsize,
    group: Arc<Group>,
}

impl Slot {
    /// The group's next connection.
    pub(super) fn new(hopping: Hopping, group: &Arc<Group>) -> Arc<Self> {
        let used = Arc::<AtomicBool>::default();
        let (number, group) = (group.add(&hopping, used.clone()), group.clone());
        Arc::new(Self { number, hopping, used, leave: false.into(), requests: AtomicUsize::default(), group })
    }

    /// Whether no request uses it.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
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

/// A connection while a request uses it. It is a [`quinn::Connection`] by [`Deref`]; the request must not outlive this.
pub struct Ride(Arc<Slot>);

impl Ride {
    pub(super) fn new(slot: &Arc<Slot>) -> Self {
        slot.used.store(true, Ordering::Relaxed);
        slot.requests.fetch_add(1, Ordering::Relaxed);
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

impl Clone for Ride {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Ride {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.group.free.notify_one();
        }
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
