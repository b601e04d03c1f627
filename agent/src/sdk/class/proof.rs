//! Whether a server follows to a new address. Pure.
//!
//! Packets cannot be read here, but their order says enough. A server that takes the new address sends PATH_CHALLENGE to it (RFC
//! 9000 §8.2), the client answers from there at once, and the answer itself must be acknowledged: what comes to the new address a
//! round trip after the client's answer was sent by a server that has validated it.

use std::time::{Duration, Instant};

/// How far it is with the newest address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Proof {
    generation: u64,
    sent: Option<Instant>,
    /// From the first packet to the first that came.
    took: Option<Duration>,
    heard: Option<Instant>,
    answered: Option<Instant>,
    /// Since when it has been silent, if the next address is taken for that.
    carried: Option<Instant>,
}

impl Proof {
    /// Something left from the address after so many hops. Says whether this changed anything.
    pub(crate) fn sends(&mut self, generation: u64, now: Instant) -> bool {
        if generation > self.generation {
            *self = Self { generation, sent: Some(self.carried.unwrap_or(now)), ..Self::default() };
            return true;
        }
        let answers = self.heard.is_some() && self.answered.is_none();
        if answers {
            self.answered = Some(now);
        }
        answers
    }

    /// The address is left because the server may not have validated it: if it is silent, the next one shares in the silence.
    pub(crate) fn repeats(&mut self) {
        self.carried = self.silent_since();
    }

    /// From the first packet that left from the newest address to the first that came there.
    pub(crate) fn took(&self) -> Option<Duration> {
        self.took
    }

    /// Nothing may leave from the address after so many hops. Says whether this changed anything.
    pub(crate) fn blocked(&mut self, generation: u64, now: Instant) -> bool {
        let newer = generation > self.generation;
        if newer {
            // If that is so for the address before, too, it is the same silence.
            let since = self.silent_since().unwrap_or(now);
            *self = Self { generation, sent: Some(since), ..Self::default() };
        }
        newer
    }

    /// Something came to the address after so many hops. Says whether this changed anything.
    pub(crate) fn hears(&mut self, generation: u64, now: Instant) -> bool {
        let newest = generation == self.generation;
        if newest {
            self.took = self.took.or_else(|| self.sent.map(|sent| now.saturating_duration_since(sent)));
            self.heard = Some(now);
        }
        newest
    }

    /// How many hops there were when the newest address was first sent from.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The server is at an address newer than the one after so many hops; with the least round trip seen so far.
    pub(crate) fn followed(&self, after: u64, round_trip: Duration) -> bool {
        // Half of it, as round trips vary. What left the server before the answer came to it is earlier than that.
        let round_trip = self.took.map_or(round_trip, |took| took.min(round_trip));
        let answers = self.answered.zip(self.heard);
        self.generation > after && answers.is_some_and(|(answered, heard)| heard >= answered + round_trip / 2)
    }

    /// Since when nothing has come to the newest address, which was sent from, or would have been if anything might leave from it.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        self.sent.filter(|_| self.heard.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_followed_when_it_speaks_after_the_answer() {
        let (start, rtt) = (Instant::now(), Duration::from_millis(10));
        let at = |ms| start + Duration::from_millis(ms);
        let mut proof = Proof::default();
        assert!(!proof.followed(0, rtt) && proof.silent_since().is_none());
        assert!(proof.sends(1, at(0)));
        assert!(!proof.sends(1, at(1)), "a second packet before it is heard says nothing");
        assert_eq!(proof.silent_since(), Some(at(0)));
        assert!(!proof.hears(0, at(5)), "replies to the old address say nothing");
        assert!(proof.hears(1, at(10)));
        assert!(!proof.followed(0, rtt) && proof.silent_since().is_none());
        assert!(proof.sends(1, at(10)));
        proof.hears(1, at(11));
        assert!(!proof.followed(0, rtt), "was on its way before the answer");
        proof.hears(1, at(20));
        assert!(proof.followed(0, rtt));
        assert!(proof.followed(0, rtt * 50), "the path's own round trip counts");
        assert!(!proof.followed(1, rtt));
        proof.sends(2, at(30));
        assert!(!proof.followed(1, rtt));
        proof.hears(2, at(40));
        assert!(proof.blocked(3, at(50)) && !proof.blocked(3, at(51)));
        assert!(proof.blocked(4, at(60)));
        assert_eq!(proof.silent_since(), Some(at(50)));
        assert!(proof.sends(5, at(70)));
        assert_eq!(proof.silent_since(), Some(at(70)), "it got away");
        proof.repeats();
        assert!(proof.sends(6, at(90)));
        assert_eq!(proof.silent_since(), Some(at(70)), "the same silence");
        assert!(proof.hears(6, at(95)));
        proof.repeats();
        assert!(proof.sends(7, at(99)));
        assert_eq!(proof.silent_since(), Some(at(99)));
    }
}
