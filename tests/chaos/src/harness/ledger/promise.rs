use std::time::Duration;

use tokio::time::Instant;

use crate::harness::fabric::Place;

/// Whether a rule must be in its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was there, or the reply said so.
    There,
    /// The switch was emptied; a controller that knows of the lease must put it back.
    Awaited,
    /// The switch was emptied, and no controller knows of the lease any more.
    Lost,
}

/// An address that a client heard of.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub(super) client: usize,
    pub(super) place: Place,
    /// When its reply was there.
    pub(super) since: Instant,
    /// Until when the client may surely send.
    pub(super) lease_until: Instant,
    /// Until when packets are surely delivered.
    pub(super) deliver_until: Instant,
    /// When the lease has surely ended, if the client did not end it before.
    pub(super) ends_by: Instant,
    pub(super) grace: Duration,
    /// The life of the controller that gave it.
    pub(super) given: u64,
    /// The latest life of the controller that knows of it.
    pub(super) known: u64,
    pub(super) delivery: Standing,
    pub(super) guard: Standing,
}

impl Promise {
    /// Whether it is in force throughout.
    pub(super) fn delivers(&self, began: Instant, ended: Instant) -> bool {
        self.since <= began && ended <= self.deliver_until
    }

    /// Whether its client may send throughout.
    pub(super) fn lets_send(&self, began: Instant, ended: Instant) -> bool {
        self.since <= began && ended <= self.lease_until
    }

    /// It may have ended at this time.
    pub(super) fn shorten(&mut self, at: Instant) {
        self.lease_until = self.lease_until.min(at);
        self.deliver_until = self.deliver_until.min(at + self.grace);
    }

    pub(super) fn controller_dies(&mut self) {
        for standing in [&mut self.delivery, &mut self.guard] {
            if *standing == Standing::Awaited {
                *standing = Standing::Lost;
            }
        }
    }

    pub(super) fn controller_ready(&mut self, life: u64) {
        // One that has ended has left nothing that could be read.
        if self.delivery == Standing::There && Instant::now() <= self.deliver_until {
            self.known = life;
        }
    }

    pub(super) fn switch_dies(&mut self, alive: bool, life: u64) {
        let after = if alive && self.known == life { Standing::Awaited } else { Standing::Lost };
        for standing in [&mut self.delivery, &mut self.guard] {
            if *standing == Standing::There {
                *standing = after;
            }
        }
    }
}
