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
            Self::Closed => "closed",
        }
    }
}

/// Unused connection IDs of one direction, counted from outside.
///
/// The counters repeat themselves under loss (a frame sent twice counts twice), so the estimate is bounded by what the
/// reserve can hold and set to zero when it proved wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserve {
    most: u64,
    spare: u64,
    issued: u64,
}

impl Reserve {
    /// What the server issues: quinn keeps five (`CidQueue::LEN`), one of them in use.
    pub(crate) const FROM_SERVER: Self = Self { most: 4, spare: 0, issued: 0 };
    /// What the client issues: quinn gives at most eight (`LOC_CID_COUNT`), one of them in use.
    pub(crate) const FROM_CLIENT: Self = Self { most: 7, spare: 0, issued: 0 };

    /// So many were issued since the handshake.
    pub(crate) fn issued(&mut self, total: u64) {
        self.spare = (self.spare + total.saturating_sub(self.issued)).min(self.most);
        self.issued = self.issued.max(total);
    }

    /// One is in use now.
    pub(crate) fn used(&mut self) {
        self.spare = self.spare.saturating_sub(1);
    }

    /// There was none although it looked as if.
    pub(crate) fn empty(&mut self) {
        self.spare = 0;
    }
}

/// What is known about a connection when it wants to hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    pub(crate) closed: bool,
    pub(crate) confirmed: bool,
    pub(crate) forbidden: bool,
    pub(crate) from_server: Reserve,
    pub(crate) from_client: Reserve,
}

/// Decides. An estimate that errs towards yes is caught by the socket, which never sends one ID from two addresses.
pub(crate) fn check(evidence: &Evidence) -> Result<(), Refusal> {
    if evidence.closed {
        Err(Refusal::Closed)
    } else if !evidence.confirmed {
        Err(Refusal::HandshakeNotConfirmed)
    } else if evidence.forbidden {
        Err(Refusal::MigrationForbidden)
    } else if evidence.from_server.spare == 0 {
        Err(Refusal::NoSpareServerId)
    } else if evidence.from_client.spare == 0 {
        Err(Refusal::NoSpareClientId)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reserve(spare: u64) -> Reserve {
        Reserve { spare, ..Reserve::FROM_SERVER }
    }

    #[test]
    fn each_missing_condition_has_its_name() {
        let good = Evidence {
            closed: false,
            confirmed: true,
            forbidden: false,
            from_server: reserve(1),
            from_client: reserve(1),
        };
        assert_eq!(check(&good), Ok(()));
        for (evidence, refusal) in [
            (Evidence { closed: true, ..good }, Refusal::Closed),
            (Evidence { confirmed: false, ..good }, Refusal::HandshakeNotConfirmed),
            (Evidence { forbidden: true, ..good }, Refusal::MigrationForbidden),
            (Evidence { from_server: reserve(0), ..good }, Refusal::NoSpareServerId),
            (Evidence { from_client: reserve(0), ..good }, Refusal::NoSpareClientId),
        ] {
            assert_eq!(check(&evidence), Err(refusal));
        }
    }

    proptest! {
        /// Without repetitions the estimate is exact; with them it errs by at most what the reserve holds.
        #[test]
        fn the_estimate_never_falls_short(events in proptest::collection::vec((0..3u8, any::<bool>()), 0..200)) {
            let mut estimate = Reserve::FROM_SERVER;
            let (mut truth, mut frames, mut repeated) = (0u64, 0u64, false);
            for (event, repeat) in events {
                match event {
                    0 if truth < 4 => {
                        truth += 1;
                        frames += 1 + u64::from(repeat);
                        repeated |= repeat;
                        estimate.issued(frames);
                    }
                    1 if truth > 0 => {
                        truth -= 1;
                        estimate.used();
                    }
                    2 if truth == 0 => estimate.empty(),
                    _ => {}
                }
                prop_assert!(estimate.spare >= truth && estimate.spare <= 4);
                prop_assert!(repeated || estimate.spare == truth);
            }
        }
    }
}
