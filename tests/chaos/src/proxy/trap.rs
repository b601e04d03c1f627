//! Requests that are held at a chosen point, so that something can happen in the middle of them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::fault::Rpc;

/// Where a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has come, and was not forwarded.
    Arrived,
    /// The switch has answered, and the answer was not given.
    Answered,
}

/// A held request goes on when this is dropped.
#[derive(Debug)]
pub struct Trapped {
    _release: oneshot::Sender<()>,
}

#[derive(Default)]
pub(super) struct Traps(Mutex<Vec<Trap>>);

struct Trap {
    rpc: Rpc,
    phase: Phase,
    left: u32,
    caught: oneshot::Sender<Trapped>,
}

impl Traps {
    pub(super) fn set(&self, rpc: Rpc, phase: Phase, nth: u32) -> oneshot::Receiver<Trapped> {
        let (caught, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Trap { rpc, phase, left: nth, caught });
        receiver
    }

    /// Waits here if a trap is set for this.
    pub(super) async fn pass(&self, rpc: Rpc, phase: Phase) {
        let Some(caught) = self.spring(rpc, phase) else { return };
        let (release, released) = oneshot::channel();
        if caught.send(Trapped { _release: release }).is_ok() {
            // It is dropped, never used.
            let _ = released.await;
        }
    }

    fn spring(&self, rpc: Rpc, phase: Phase) -> Option<oneshot::Sender<Trapped>> {
        let mut traps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        traps.retain(|trap| !trap.caught.is_closed());
        let mut sprung = None;
        for (index, trap) in traps.iter_mut().enumerate().filter(|(_, trap)| (trap.rpc, trap.phase) == (rpc, phase)) {
            match trap.left.checked_sub(1) {
                Some(left) => trap.left = left,
                None => sprung = sprung.or(Some(index)),
            }
        }
        sprung.map(|index| traps.remove(index).caught)
    }
}
