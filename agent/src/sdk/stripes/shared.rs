//! What the lanes of a download have in common.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::DownloadError;
use super::pace::Pace;
use super::pieces::Pieces;
use super::range::Whole;

struct State {
    begun: Option<(Pieces, Arc<Whole>)>,
    pace: Pace,
    error: Option<DownloadError>,
    /// Lanes that still try.
    lanes: usize,
    /// Nothing more is wanted.
    over: bool,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// There may be something to ask for, or nothing more.
    work: watch::Sender<()>,
    /// There may be something to read.
    came: Notify,
}

impl Shared {
    pub(super) fn new(lanes: usize) -> Self {
        let state = Mutex::new(State { begun: None, pace: Pace::new(Instant::now()), error: None, lanes, over: false });
        Self { state, work: watch::Sender::default(), came: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body is known, and its first piece, up to `end`, on its way to lane 0: its name.
    pub(super) fn begin(&self, whole: Arc<Whole>, end: u64) -> u64 {
        let mut pieces = Pieces::new(whole.size);
        let name = pieces.first(0, end);
        self.lock().begun = Some((pieces, whole));
        self.work.send_replace(());
        name
    }

    /// Changes when there may be something to ask for.
    pub(super) fn work(&self) -> watch::Receiver<()> {
        self.work.subscribe()
    }

    /// Whether nothing will have to be asked for any more.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.over || state.error.is_some() || state.begun.as_ref().is_some_and(|(pieces, _)| pieces.is_complete())
    }

    /// What a lane is to ask for, to which so many bytes came in a round trip, if it does not wait for too many, nor all lanes together.
    pub(super) fn take(&self, lane: usize, came: u64, round_trip: Duration) -> Option<(u64, Range<u64>, Arc<Whole>)> {
        let state = &mut *self.lock();
        let (pieces, whole) = state.begun.as_mut()?;
        let (own, all) = pieces.expected(lane);
        if own >= state.pace.share(came) || all >= state.pace.limit(Instant::now(), round_trip) {
            return None;
        }
        let (name, range) = pieces.take(lane)?;
        Some((name, range, whole.clone()))
    }

    /// More of a piece came. False if nothing more of it is wanted.
    pub(super) fn arrived(&self, name: u64, bytes: Bytes) -> bool {
        let mut state = self.lock();
        state.pace.came(bytes.len() as u64);
        let Some((pieces, _)) = &mut state.begun else { return false };
        let more = pieces.arrived(name, bytes);
        let complete = pieces.is_complete();
        drop(state);
        self.came.notify_one();
        if complete {
            self.work.send_replace(());
        }
        more
    }

    /// Nothing more of a piece will come.
    pub(super) fn failed(&self, name: u64) {
        if let Some((pieces, _)) = &mut self.lock().begun {
            pieces.failed(name);
        }
        self.work.send_replace(());
    }

    /// Nothing more of what a lane asked for will come.
    pub(super) fn disown(&self, lane: usize) {
        if let Some((pieces, _)) = &mut self.lock().begun {
            pieces.disown(lane);
        }
        self.work.send_replace(());
    }

    /// The download cannot go on.
    pub(super) fn fail(&self, error: DownloadError) {
        self.lock().error.get_or_insert(error);
        self.came.notify_one();
        self.work.send_replace(());
    }

    /// A lane gets no further; what it asked for is the others'.
    pub(super) fn given_up(&self, lane: usize, error: &DownloadError) {
        self.disown(lane);
        let last = {
            let mut state = self.lock();
            state.lanes = state.lanes.saturating_sub(1);
            state.lanes == 0
        };
        if last {
            self.fail(DownloadError::GivenUp(error.to_string()));
        }
    }

    /// Nobody reads any more.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.work.send_replace(());
    }

    /// The next bytes in order; none at the end.
    pub(super) async fn read(&self) -> Result<Option<Bytes>, DownloadError> {
        loop {
            if let Some(outcome) = self.try_read() {
                return outcome;
            }
            self.came.notified().await;
        }
    }

    fn try_read(&self) -> Option<Result<Option<Bytes>, DownloadError>> {
        let mut state = self.lock();
        if let Some((pieces, _)) = &mut state.begun {
            if let Some(bytes) = pieces.read() {
                drop(state);
                self.work.send_replace(());
                return Some(Ok(Some(bytes)));
            }
            if pieces.is_read() {
                return Some(Ok(None));
            }
        }
        let error = state.error.take()?;
        state.error = Some(DownloadError::GivenUp(error.to_string()));
        Some(Err(error))
    }
}
