//! Sees to it that the server need not give up a new address.
//!
//! A server that does not get to validate an address goes back to the one before, with the connection ID of the new one (RFC 9000
//! §9.3.2): the two are linked. It gives up after three probe timeouts (§8.2.4): quinn's server after 3 s or more, aioquic's after 0.6 s
//! or more. An address that is not known to be validated well before that is left: the server begins anew with the next one, and gives up
//! no address that it does not send to.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{HopError, Inner, may_pass};
use crate::sdk::gate::Refusal;
use crate::sdk::socket::Unvalidated;

/// What a server gets at least, from the first packet on.
const LEAST: Duration = Duration::from_millis(400);
/// The same in round trips: one for the challenge, one for the answer and its acknowledgement, one to spare.
const ROUND_TRIPS: u32 = 3;
/// A server that was slow with its first packet may be slow once more; but no slower than that.
const MOST: Duration = Duration::from_millis(1500);
/// For delayed acknowledgements.
const DELAY: Duration = Duration::from_millis(50);
/// How many addresses in a row are left for the next one; after that the connection is closed.
const REPEATS: u32 = 2;
/// How long a hop waits for connection IDs that are on their way, and how often it looks.
const PATIENCE: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(5);

/// Looks after one connection.
#[derive(Default)]
pub(super) struct Guard {
    /// The address that was taken for one that was left, and how many were left in a row.
    repeated: (u64, u32),
    /// Needs no looking after.
    settled: u64,
}

impl Guard {
    /// When to look.
    pub(super) fn next(&mut self, inner: &Inner) -> Option<Instant> {
        self.unvalidated(inner).map(|address| address.since + patience(inner))
    }

    /// The address, if it is not known to be validated.
    fn unvalidated(&mut self, inner: &Inner) -> Option<Unvalidated> {
        let (sockets, answers) = (&inner.parts.sockets, &inner.parts.answers);
        sockets.unvalidated(&answers.arrived()).filter(|address| address.generation != self.settled)
    }

    /// Leaves the address if it is time to.
    pub(super) async fn look(&mut self, inner: &Inner) {
        let Some(address) = self.unvalidated(inner) else { return };
        if address.since + patience(inner) > Instant::now() {
            return;
        }
        let before = if self.repeated.0 == address.generation { self.repeated.1 } else { 0 };
        let (silents, silent) = (inner.silent.load(Ordering::Relaxed), inner.parts.sockets.repeats());
        let outcome = if before < REPEATS { Some(hop(inner, address).await) } else { None };
        match outcome {
            // Another hop came in between, or the answer has arrived at last.
            Some(Ok(false)) => {}
            Some(Ok(true)) => {
                inner.unvalidated.fetch_add(1, Ordering::Relaxed);
                self.repeated = (inner.parts.sockets.newest(), before + 1);
                inner.silent.store(if silent { silents + 1 } else { 0 }, Ordering::Relaxed);
                tracing::debug!("the server has not validated the address: hopped again");
            }
            // A session is about to find out whether the server follows at all, and leaves the connection if it does not.
            Some(Err(HopError::Refused(Refusal::NotProven))) if silent => {
                self.settled = address.generation;
            }
            _ => {
                inner.unvalidated.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("the server does not validate the address, and there is no other: closed");
                self.settled = address.generation;
                inner.parts.connection.close(quinn::VarInt::from_u32(0), b"");
            }
        }
    }
}

/// How long the server has time, from the first packet on.
fn patience(inner: &Inner) -> Duration {
    let slow = inner.parts.sockets.took().map_or(LEAST, |took| (took * 2 + DELAY).min(MOST));
    (inner.parts.connection.rtt() * ROUND_TRIPS).max(slow).max(LEAST)
}

/// Hops, if packets still leave from the address, and it is not validated. Says whether it did.
async fn hop(inner: &Inner, address: Unvalidated) -> Result<bool, HopError> {
    let until = Instant::now() + PATIENCE;
    loop {
        if inner.parts.sockets.unvalidated(&inner.parts.answers.arrived()) != Some(address) {
            return Ok(false);
        }
        match inner.try_hop().await {
            Err(HopError::Refused(refusal)) if may_pass(refusal) && Instant::now() < until => {
                tokio::time::sleep(TICK).await;
            }
            outcome => return inner.counted(outcome).map(|_| true),
        }
    }
}
