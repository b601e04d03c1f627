//! The connections that one policy moves: a single one, or those of a session. Adds up what becomes of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mimiq_api::local::Counts;
use tokio::sync::{Notify, watch};

use super::hopping::{Hopping, Inner};
use super::meter::{self, Meter, Seen};
use super::socket::Progress;
use crate::usage::AddDifference as _;

/// Where packets left from: the connection's number, and how many hops it had made.
pub(super) type Place = (u64, u64);

/// Those that are open, and the sums of those that are not.
pub(super) struct Group {
    /// Notified when datagrams of one of them go out or come in.
    pub(super) traffic: Arc<Notify>,
    /// Notified when the last request of one of them is done.
    pub(super) free: Notify,
    /// The session's policy is no longer followed, and the agent has heard of that.
    pub(super) unfollowed: Notify,
    closed: AtomicBool,
    opened: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Vec<Member>,
    /// Of [`Group::moves`], those that one was told of by [`Group::moved`].
    noted: u64,
    gone: Counts,
    gone_totals: Totals,
}

/// One of them.
struct Member {
    number: u64,
    inner: Arc<Inner>,
    /// Whether the application has used it. Before that, what passes are the beginnings of both sides' protocols.
    used: Arc<AtomicBool>,
    meter: Meter,
    hops: u64,
    padding_bytes: u64,
}

/// Figures of all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) hops: u64,
    pub(super) links_seen: u64,
    pub(super) unvalidated: u64,
}

impl Group {
    /// None so far; `traffic` is what their sockets notify.
    pub(super) fn new(traffic: Arc<Notify>) -> Self {
        let (free, unfollowed, opened) = (Notify::new(), Notify::new(), watch::Sender::default());
        Self { traffic, free, unfollowed, closed: false.into(), opened, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one, which is the current one from now on. Returns its number, from 1.
    pub(super) fn add(&self, hopping: &Hopping, used: Arc<AtomicBool>) -> u64 {
        let mut state = self.lock();
        let number = *self.opened.borrow() + 1;
        let (inner, meter) = (hopping.inner().clone(), Meter::default());
        state.open.push(Member { number, inner, used, meter, hops: 0, padding_bytes: 0 });
        drop(state);
        self.opened.send_replace(number);
        number
    }

    /// They are not to be moved any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.traffic.notify_one();
    }

    /// Whether they are not.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A move to another connection that did not happen.
    pub(super) fn refused(&self, reason: &'static str) {
        *self.lock().gone.refusals.entry(reason.to_owned()).or_default() += 1;
    }

    /// What happened to them since one looked last.
    pub(super) fn observe(&self, now: Instant) -> Seen {
        let (mut all, mut state) = (Seen::default(), self.lock());
        let State { open, gone, gone_totals, .. } = &mut *state;
        for member in open.iter_mut() {
            let seen = member.meter.observe(now, &member.inner.parts.connection.stats());
            let used = member.used.load(Ordering::Relaxed);
            all.packets += seen.packets;
            all.sent |= seen.sent && used;
            all.received |= seen.received && used;
        }
        open.retain(|member| {
            let open = member.inner.parts.connection.close_reason().is_none();
            if !open {
                gone.add_difference(&Counts::default(), &member.counts());
                gone_totals.add(member);
            }
            open
        });
        all
    }

    /// Whether one hopped, or took over, since this was asked last.
    pub(super) fn moved(&self, now: Instant) -> bool {
        let mut state = self.lock();
        for member in &mut state.open {
            member.note_hops(now);
        }
        let moves = state.totals().hops + self.rollovers();
        moves > std::mem::replace(&mut state.noted, moves)
    }

    /// Whether there is a move that one was not told of yet: whatever was due before it is no longer.
    pub(super) fn has_moved(&self) -> bool {
        let state = self.lock();
        state.totals().hops + self.rollovers() > state.noted
    }

    /// All that there is to report.
    pub(super) fn counts(&self) -> Counts {
        let state = self.lock();
        let mut counts = state.gone.clone();
        for member in &state.open {
            counts.add_difference(&Counts::default(), &member.counts());
        }
        counts.rollovers = self.rollovers();
        counts
    }

    /// Hops that did not happen, by reason.
    pub(super) fn refusals(&self) -> BTreeMap<String, u64> {
        self.counts().refusals.into_iter().collect()
    }

    /// Hops and links of all connections.
    pub(super) fn totals(&self) -> Totals {
        self.lock().totals()
    }

    /// How often one took over from another.
    pub(super) fn rollovers(&self) -> u64 {
        self.opened.borrow().saturating_sub(1)
    }

    /// Whether all are closed.
    pub(super) fn is_over(&self) -> bool {
        self.lock().open.is_empty()
    }

    /// Of the current one.
    pub(super) fn round_trip(&self) -> Duration {
        self.lock().open.last().map(|member| member.inner.parts.connection.rtt()).unwrap_or_default()
    }

    /// Where packets left from after `place`, as far as that is still known.
    pub(super) fn places_after(&self, place: Option<Place>) -> Vec<(Place, SocketAddr)> {
        let state = self.lock();
        let since = place.map_or(0, |(number, _)| number);
        let later = state.open.iter().filter(|member| member.number >= since);
        let places = later.flat_map(|member| {
            let hop = place.filter(|(number, _)| *number == member.number).map(|(_, hop)| hop);
            let sources = member.inner.parts.sockets.sources_after(hop);
            sources.into_iter().map(|(hop, source)| ((member.number, hop), source))
        });
        places.collect()
    }

    /// Changes when another one becomes the current one.
    pub(super) fn opened(&self) -> watch::Receiver<u64> {
        self.opened.subscribe()
    }

    /// How far the current one's hops are.
    pub(super) fn progress(&self) -> Option<watch::Receiver<Progress>> {
        self.lock().open.last().map(|member| member.inner.parts.sockets.progress())
    }
}

impl State {
    fn totals(&self) -> Totals {
        let mut totals = self.gone_totals;
        self.open.iter().for_each(|member| totals.add(member));
        totals
    }
}

impl Member {
    fn note_hops(&mut self, now: Instant) {
        let (hops, padding_bytes) = (self.inner.hops.load(Ordering::Relaxed), self.inner.tally.padding_bytes());
        if hops > self.hops {
            self.meter.hopped(now, padding_bytes > self.padding_bytes);
        }
        (self.hops, self.padding_bytes) = (hops, padding_bytes);
    }

    fn counts(&self) -> Counts {
        let (inner, stats) = (&self.inner, self.inner.parts.connection.stats());
        let (validations, validation_time) = self.meter.validations();
        let duplicate_bytes = inner.parts.sockets.duplicate_bytes();
        let refusals = inner.tally.refusals().into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
        Counts {
            // Those that a packet left from: one may be followed by the next before.
            hops: inner.parts.sockets.ids().moves,
            refusals,
            packets: meter::packets(&stats),
            bytes: stats.udp_tx.bytes + stats.udp_rx.bytes + duplicate_bytes,
            padding_bytes: inner.tally.padding_bytes(),
            probe_bytes: meter::probe_bytes(&stats),
            validations,
            duplicate_bytes,
            validation_us: u64::try_from(validation_time.as_micros()).unwrap_or(u64::MAX),
            rollovers: 0,
        }
    }
}

impl Totals {
    fn add(&mut self, member: &Member) {
        self.hops += member.inner.hops.load(Ordering::Relaxed);
        self.links_seen += member.inner.parts.sockets.ids().links_seen;
        self.unvalidated += member.inner.unvalidated.load(Ordering::Relaxed);
    }
}
