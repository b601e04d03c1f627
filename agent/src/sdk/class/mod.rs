//! What a server lets a client do with its address, judged by what it says and by what it did. Pure.

mod memory;
mod proof;

use std::fmt;

pub(crate) use memory::{Key, Memory};
pub(crate) use proof::Proof;

/// How a client may change its address with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not known yet: so many hops of one connection are proven, each further one is tried while no request waits for it.
    Unknown(u64),
    /// Any number of hops in a connection.
    Full,
    /// It sends `disable_active_migration`: a connection stays where it began.
    Forbidding,
    /// So many hops in a connection, then it would stall or be linkable.
    Capped(u64),
}

impl Class {
    /// The class's name in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Full => "full",
            Self::Forbidding => "forbidding",
            Self::Capped(_) => "capped",
        }
    }

    /// How many hops of one connection are known to do no harm.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Self::Unknown(proven) => proven,
            Self::Full => u64::MAX,
            Self::Forbidding => 0,
            Self::Capped(hops) => hops,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(hops) | Self::Capped(hops) => write!(f, "{}({hops})", self.name()),
            Self::Full | Self::Forbidding => f.write_str(self.name()),
        }
    }
}

/// What a server says of itself in a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// `disable_active_migration`.
    pub(crate) forbids: bool,
    /// `active_connection_id_limit`.
    pub(crate) id_limit: u64,
    /// Of its connection IDs, bytes.
    pub(crate) id_length: usize,
}

impl Said {
    /// quic-go's default. It follows to a new address with the connection ID of the old one, which links the two: nothing to be
    /// found out by trying.
    fn is_quic_go(self) -> bool {
        (self.id_limit, self.id_length) == (4, 4)
    }
}

/// What was seen of a server, over all connections to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// It sent `disable_active_migration`.
    forbids: bool,
    /// The longest series of hops in one connection that it followed.
    proven: u64,
    /// The fewest hops after which it followed to no further address, or had no fresh connection ID for one.
    limit: Option<u64>,
}

/// Whoever follows so often in one connection follows always.
///
/// The counts at which servers were seen to stop are 0 (quic-go), 1 (quiche), and 2 (s2n-quic). A server that keeps the state of
/// old addresses does not retire the client's connection IDs either, and keeps at most eight (`ClientIds`): it never gets here.
const ENOUGH: u64 = 12;

impl Evidence {
    /// It said so in a new connection.
    pub(crate) fn says(&mut self, said: Said) {
        self.forbids = said.forbids;
        if said.is_quic_go() {
            self.stopped(0);
        }
    }

    /// It followed to the address after so many hops in one connection.
    pub(crate) fn followed(&mut self, hops: u64) {
        self.proven = self.proven.max(hops);
    }

    /// It would go so far in one connection, and no further.
    pub(crate) fn stopped(&mut self, hops: u64) {
        self.limit = Some(self.limit.map_or(hops, |limit| limit.min(hops)));
    }

    /// The verdict.
    pub(crate) fn class(&self) -> Class {
        match self.limit {
            _ if self.forbids => Class::Forbidding,
            Some(limit) => Class::Capped(limit),
            None if self.proven >= ENOUGH => Class::Full,
            None => Class::Unknown(self.proven),
        }
    }
}

/// How a connection gets to its next address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// By a hop.
    Hop,
    /// By a hop, and no request before the server has followed.
    Try,
    /// Not while requests are under way.
    Later,
    /// Another connection takes over.
    RollOver,
}

/// What to do after so many hops of this connection, if it has no requests under way (`idle`).
pub(crate) fn step(class: Class, hops: u64, idle: bool) -> Step {
    match class {
        _ if hops < class.budget() => Step::Hop,
        Class::Unknown(_) if idle => Step::Try,
        Class::Unknown(_) => Step::Later,
        _ => Step::RollOver,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_says_and_does_makes_its_class() {
        let mut evidence = Evidence::default();
        assert_eq!(evidence.class(), Class::Unknown(0));
        evidence.followed(3);
        evidence.followed(2);
        assert_eq!(evidence.class(), Class::Unknown(3));
        evidence.followed(ENOUGH);
        assert_eq!(evidence.class(), Class::Full);
        evidence.stopped(20);
        evidence.stopped(30);
        assert_eq!(evidence.class(), Class::Capped(20), "however full it seemed");
        let said = Said { forbids: true, id_limit: 8, id_length: 8 };
        evidence.says(said);
        assert_eq!(evidence.class(), Class::Forbidding);
        evidence.says(Said { forbids: false, ..said });
        assert_eq!(evidence.class(), Class::Capped(20));
        evidence.says(Said { forbids: false, id_limit: 4, id_length: 4 });
        assert_eq!(evidence.class(), Class::Capped(0));
    }

    proptest! {
        /// A server that stops at some hop gets no request on it, in whatever order requests come and go: hops that nobody has
        /// tried before happen while none is under way, and what was tried without success is not done again.
        #[test]
        fn no_request_meets_a_stall(cap in 0..ENOUGH, busy in proptest::collection::vec(any::<bool>(), 1..200)) {
            let (mut evidence, mut hops, mut stalls) = (Evidence::default(), 0, 0);
            for busy in busy {
                match step(evidence.class(), hops, !busy) {
                    Step::Hop => {
                        hops += 1;
                        prop_assert!(hops <= cap);
                    }
                    Step::Try if hops < cap => {
                        prop_assert!(!busy);
                        hops += 1;
                        evidence.followed(hops);
                    }
                    Step::Try => {
                        prop_assert!(!busy);
                        evidence.stopped(hops);
                        (hops, stalls) = (0, stalls + 1);
                    }
                    Step::Later => prop_assert!(busy),
                    Step::RollOver => {
                        prop_assert_eq!(hops, cap);
                        hops = 0;
                    }
                }
            }
            prop_assert!(stalls <= 1);
        }
    }
}
