//! What a connection knows of its server's ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{HopError, Hopping, Inner, REST, REST_ROUND_TRIPS};
use crate::sdk::class::Said;
use crate::sdk::gate::Refusal;

/// A server that follows does so within so many round trips and [`PATIENCE`], also if the first packets are lost: two probe
/// timeouts and the round trips for the answer and its acknowledgement.
const ROUND_TRIPS: u32 = 10;
/// A hop that waits for connection IDs looks for them so often: quinn does not say when one arrives.
const TICK: Duration = Duration::from_millis(2);
/// For delayed acknowledgements and timers.
const PATIENCE: Duration = Duration::from_millis(300);

impl Hopping {
    /// From now on there may be so many hops in all.
    pub(crate) fn allow(&self, hops: u64) {
        self.0.budget.store(hops, Ordering::Relaxed);
    }

    /// What the server said of itself in the handshake.
    pub(crate) fn said(&self) -> Said {
        let (peer, ids) = (&self.0.parts.peer, self.0.parts.sockets.ids());
        Said { forbids: peer.forbids_migration(), id_limit: peer.id_limit(), id_length: ids.server_length }
    }

    /// Whether the address is at its end.
    pub(crate) fn has_expired(&self) -> bool {
        self.0.parts.sockets.current().is_some_and(|(_, expired)| *expired.borrow())
    }

    /// Names the newest address that was sent from, for [`Self::follows`].
    pub(crate) fn generation(&self) -> u64 {
        self.0.parts.sockets.proof().borrow().generation()
    }

    /// Whether there was time enough since the handshake and the last hop for both sides to replace the connection IDs that
    /// they used.
    pub(crate) fn is_rested(&self) -> bool {
        let last = self.0.turn.try_lock().map(|turn| turn.last);
        last.is_ok_and(|last| last.elapsed() > self.connection().rtt() * REST_ROUND_TRIPS + REST)
    }

    /// Waits until the server has followed to an address newer than this; false if it does not.
    pub(crate) async fn follows(&self, after: u64) -> bool {
        let mut proof = self.0.parts.sockets.proof();
        // Not while the proof is looked at: quinn holds its own lock when it sends.
        let round_trip = self.connection().stats().path.min_rtt;
        let followed = proof.wait_for(|proof| proof.followed(after, round_trip));
        tokio::time::timeout(self.patience(), followed).await.is_ok_and(|followed| followed.is_ok())
    }

    /// Whether it has.
    pub(crate) fn follows_now(&self, after: u64) -> bool {
        let round_trip = self.connection().stats().path.min_rtt;
        self.0.parts.sockets.proof().borrow().followed(after, round_trip)
    }

    /// Whether the server has been silent at the newest address for longer than there are reasons for.
    pub(crate) fn is_stalled(&self) -> bool {
        let silent = self.0.parts.sockets.proof().borrow().silent_since();
        silent.is_some_and(|since| since.elapsed() >= self.patience())
    }

    /// If it is: how many hops it followed.
    pub(crate) fn hops_until_stall(&self) -> Option<u64> {
        let (hops, silent) = (self.0.hops.load(Ordering::Relaxed), self.0.silent.load(Ordering::Relaxed));
        hops.checked_sub(1 + silent).filter(|_| self.is_stalled())
    }

    /// Waits until it is, or the connection is closed.
    pub(crate) async fn stalled(&self) {
        let mut proof = self.0.parts.sockets.proof();
        loop {
            let silent = proof.borrow_and_update().silent_since();
            let until = async {
                match silent {
                    Some(since) => tokio::time::sleep_until((since + self.patience()).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.connection().closed() => return,
                () = until => return,
                changed = proof.changed() => if changed.is_err() { return },
            }
        }
    }

    /// A hop that waits for the connection IDs or the confirmation of the handshake, if they are on their way, and goes on after a
    /// connection ID that cannot be used.
    pub(crate) async fn hop_with_patience(&self) -> Result<SocketAddr, HopError> {
        let until = self.ids_due();
        loop {
            match self.0.try_hop().await {
                Err(HopError::Refused(refusal)) if may_pass(refusal) && Instant::now() < until => {
                    if refusal == Refusal::RepeatedServerId {
                        self.0.tally.refused(refusal.name());
                    }
                    tokio::time::sleep(TICK).await;
                }
                outcome => return self.0.counted(outcome),
            }
        }
    }

    /// All that it is.
    pub(in crate::sdk) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// Closes the connection. The future ends when its last packet is out.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + use<> {
        self.connection().close(quinn::VarInt::from_u32(0), b"");
        let inner = self.0.clone();
        async move { inner.parts.endpoint.wait_idle().await }
    }

    fn patience(&self) -> Duration {
        self.connection().rtt() * ROUND_TRIPS + PATIENCE
    }

    /// How long a hop may wait for connection IDs: three round trips bring what there is, also if a packet is lost.
    pub(crate) fn ids_due(&self) -> Instant {
        Instant::now() + self.connection().rtt() * 3 + PATIENCE
    }
}

/// Whether time may help.
pub(crate) fn may_pass(refusal: Refusal) -> bool {
    use Refusal::{HandshakeNotConfirmed, NoSpareClientId, NoSpareServerId, RepeatedServerId};
    matches!(refusal, HandshakeNotConfirmed | NoSpareServerId | NoSpareClientId | RepeatedServerId)
}
