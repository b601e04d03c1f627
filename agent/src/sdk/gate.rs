//! Whether a hop may happen. Pure.

/// Why a hop did not happen; the connection goes on where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Migration before the handshake is confirmed is forbidden (RFC 9000 §9), and would put one handshake on two addresses.
    #[error("the handshake is not confirmed")]
    HandshakeNotConfirmed,
    /// The server sent `disable_active_migration`.
    #[error("the server forbids migration")]
    MigrationForbidden,
    /// No unused connection ID that the server issued: the client's packets would carry the old one.
    #[error("no spare connection ID from the server")]
    NoSpareServerId,
    /// The server has no unused connection ID that the client issued: its packets would carry the old one.
    #[error("no spare connection ID at the server")]
    NoSpareClientId,
    /// The server issued a connection ID that it had issued before: nothing leaves with it, and another hop follows.
    #[error("the server repeated a connection ID")]
    RepeatedServerId,
    /// The server is not known to follow once more in this connection.
    #[error("the server is not known to follow to one more address")]
    NotProven,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl Refusal {
    /// The reason's name in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HandshakeNotConfirmed => "handshake_not_confirmed",
            Self::MigrationForbidden => "migration_forbidden",
            Self::NoSpareServerId => "no_spare_server_id",
            Self::NoSpareClientId => "no_spare_client_id",
            Self::RepeatedServerId => "repeated_server_id",
            Self::NotProven => "not_proven",
            Self::Closed => "closed",
        }
    }
}

/// Unused connection IDs from the server, as far as one can tell from outside quinn.
///
/// quinn counts NEW_CONNECTION_ID frames, repetitions included, so the estimate is bounded by what its queue can hold. What
/// still is too high is found out without harm: the socket keeps an ID where it was first sent from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reserve {
    spare: u64,
    fullest: u64,
    received: u64,
    used: u64,
}

impl Reserve {
    /// quinn keeps five (`CidQueue::LEN`), one of them in use.
    const MOST: u64 = 4;

    /// So many frames came, and so many IDs were used, since the handshake.
    pub(crate) fn observe(&mut self, received: u64, used: u64) {
        self.spare = (self.spare + received.saturating_sub(self.received)).min(Self::MOST);
        self.spare = self.spare.saturating_sub(used.saturating_sub(self.used));
        self.fullest = self.fullest.max(self.spare);
        (self.received, self.used) = (received, used);
    }

    /// There was none although it looked as if.
    pub(crate) fn empty(&mut self) {
        self.spare = 0;
    }

    /// There was time enough for the server to replace what was used.
    pub(crate) fn rested(&mut self) {
        self.spare = self.fullest;
    }

    /// How many there seem to be.
    pub(crate) fn spare(&self) -> u64 {
        self.spare
    }
}

/// Connection IDs from the client that the server has not used yet.
///
/// quinn gives the server as many as it takes, up to eight (`LOC_CID_COUNT`), and one more for each that it retires. A server
/// uses one per hop, and some now and then without one (quinn's after the handshake); the latter show when they are retired.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientIds {
    without_hop: u64,
}

impl ClientIds {
    const MOST: u64 = 8;
    /// This part of them is not counted on: a packet that arrives after one from a newer address makes some servers (aioquic) use
    /// two more, and the client learns of that a round trip later.
    const RESERVED: u64 = 4;

    /// How many the server has for hops, if it was given `issued` in all, got `arrived` of them, keeps up to `limit`, and sees
    /// `moves` hops.
    pub(crate) fn spare(&mut self, (issued, arrived): (u64, u64), limit: u64, moves: u64) -> u64 {
        let kept = limit.min(Self::MOST);
        let retired = issued.saturating_sub(kept);
        self.without_hop = self.without_hop.max(retired.saturating_sub(moves));
        arrived.saturating_sub(1 + moves + self.without_hop + kept / Self::RESERVED)
    }
}

/// What is known about a connection when it wants to hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    pub(crate) closed: bool,
    pub(crate) confirmed: bool,
    pub(crate) forbidden: bool,
    /// Hops that are still known to do no harm.
    pub(crate) budget: u64,
    /// Unused connection IDs from the server.
    pub(crate) server_ids: u64,
    /// Connection IDs from the client that the server has not used.
    pub(crate) client_ids: u64,
}

/// Decides.
pub(crate) fn check(evidence: &Evidence) -> Result<(), Refusal> {
    if evidence.closed {
        Err(Refusal::Closed)
    } else if !evidence.confirmed {
        Err(Refusal::HandshakeNotConfirmed)
    } else if evidence.forbidden {
        Err(Refusal::MigrationForbidden)
    } else if evidence.budget == 0 {
        Err(Refusal::NotProven)
    } else if evidence.server_ids == 0 {
        Err(Refusal::NoSpareServerId)
    } else if evidence.client_ids == 0 {
        Err(Refusal::NoSpareClientId)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_missing_condition_has_its_name() {
        let good =
            Evidence { closed: false, confirmed: true, forbidden: false, budget: 1, server_ids: 1, client_ids: 1 };
        assert_eq!(check(&good), Ok(()));
        for (evidence, refusal) in [
            (Evidence { closed: true, ..good }, Refusal::Closed),
            (Evidence { confirmed: false, ..good }, Refusal::HandshakeNotConfirmed),
            (Evidence { forbidden: true, ..good }, Refusal::MigrationForbidden),
            (Evidence { budget: 0, ..good }, Refusal::NotProven),
            (Evidence { server_ids: 0, ..good }, Refusal::NoSpareServerId),
            (Evidence { client_ids: 0, ..good }, Refusal::NoSpareClientId),
        ] {
            assert_eq!(check(&evidence), Err(refusal));
        }
    }

    #[test]
    fn a_server_that_uses_an_id_by_itself_is_found_out() {
        let mut ids = ClientIds::default();
        assert_eq!(ids.spare((5, 5), 5, 0), 3);
        assert_eq!(ids.spare((6, 5), 5, 0), 2, "one used without a hop and retired; its replacement is on the way");
        assert_eq!(ids.spare((6, 6), 5, 0), 3);
        assert_eq!(ids.spare((6, 6), 5, 3), 0);
        assert_eq!(ids.spare((10, 10), 5, 4), 3);
        assert_eq!(ClientIds::default().spare((8, 8), 8, 0), 5);
        assert_eq!(ClientIds::default().spare((2, 2), 2, 0), 1);
        assert_eq!(ClientIds::default().spare((1, 1), 2, 3), 0);
    }

    proptest! {
        /// Without repetitions the estimate is exact; with them it errs by at most what the queue holds.
        #[test]
        fn the_estimate_never_falls_short(events in proptest::collection::vec((0..3u8, any::<bool>()), 0..200)) {
            let mut estimate = Reserve::default();
            let (mut truth, mut frames, mut used, mut repeated) = (0u64, 0u64, 0u64, false);
            for (event, repeat) in events {
                match event {
                    0 if truth < 4 => {
                        truth += 1;
                        frames += 1 + u64::from(repeat);
                        repeated |= repeat;
                    }
                    1 if truth > 0 => {
                        truth -= 1;
                        used += 1;
                    }
                    2 if truth == 0 => estimate.empty(),
                    _ => {}
                }
                estimate.observe(frames, used);
                prop_assert!(estimate.spare() >= truth && estimate.spare() <= 4);
                prop_assert!(repeated || estimate.spare() == truth);
            }
        }
    }
}
