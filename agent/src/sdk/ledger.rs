//! Which connection ID belongs to which socket. Pure.
//!
//! A connection ID stays on the socket that it was first sent from. quinn keeps the old ID in silence when none is spare,
//! and may have a packet in hand that it made before a hop: neither gets out from the new address.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use super::ids::{self, ResetTokens};

/// The longest connection ID (RFC 9000 §17.2), bytes.
const LONGEST_ID: usize = 20;
/// How many IDs of the server's packets are remembered: several times what can be valid at once.
const REMEMBERED: usize = 64;
/// The least size of a datagram with PATH_CHALLENGE (RFC 9000 §8.2.1), bytes.
const CHALLENGE: usize = 1200;
/// How many such datagrams at a new socket are taken to carry it: a server may repeat it.
const CHALLENGES: u8 = 3;
/// How many sends after one are taken to carry the answer.
const ANSWERS: u8 = 2;

type Id = ([u8; LONGEST_ID], usize);

/// Where a datagram may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// From the newest socket; with `first`, the first time since the last hop. `twice` as it probably answers the server's
    /// PATH_CHALLENGE: QUIC does not repeat a lost answer, and a server without one goes back to the address before
    /// (RFC 9000 §9.3.2) with the connection ID of this one.
    Newest { first: bool, twice: bool },
    /// From this older one: its connection ID is known there.
    Older(u64),
    /// Nowhere: a handshake packet after a hop, or a stateless reset.
    Nowhere,
    /// Nowhere: the server has issued this connection ID before, and it was used at another address.
    Repeated,
}

/// Connection IDs seen, and the generation (number of hops) of their socket.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    resets: ResetTokens,
    newest: u64,
    sending: u64,
    id_length: usize,
    last: Option<Id>,
    /// Hashes of all the server's IDs that were used: with 24 random bits, as some servers have, one of a few thousand
    /// comes again.
    used: HashSet<u64>,
    hasher: RandomState,
    /// The last of them that was not used again.
    repeated: Option<Id>,
    /// Large datagrams that came to the newest socket, and sends that may answer them.
    challenges: u8,
    answers: u8,
    server_ids_used: u64,
    moves: u64,
    heard: VecDeque<([u8; ids::LENGTH], u64)>,
    links_seen: u64,
}

impl Ledger {
    /// Of a connection whose client's tokens are these.
    pub(crate) fn new(resets: ResetTokens) -> Self {
        Self { resets, ..Self::default() }
    }

    /// There is a new socket; its generation.
    pub(crate) fn hop(&mut self) -> u64 {
        self.newest += 1;
        (self.challenges, self.answers) = (0, 0);
        self.newest
    }

    /// The generation of the newest socket.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// The generation of the socket that sent last.
    pub(crate) fn sending(&self) -> u64 {
        self.sending
    }

    /// The length of the server's connection IDs.
    pub(crate) fn id_length(&self) -> usize {
        self.id_length
    }

    /// How many of the server's connection IDs were sent to after the handshake's.
    pub(crate) fn server_ids_used(&self) -> u64 {
        self.server_ids_used
    }

    /// How many hops the server saw or will see.
    pub(crate) fn moves(&self) -> u64 {
        self.moves
    }

    /// How often the server sent to a new address with a connection ID that it had used before.
    pub(crate) fn links_seen(&self) -> u64 {
        self.links_seen
    }

    /// Whether the server has sent to this generation's socket with one of these connection IDs.
    pub(crate) fn was_heard(&self, ids: &[[u8; ids::LENGTH]], generation: u64) -> bool {
        self.heard.iter().any(|(id, at)| *at == generation && ids.contains(id))
    }

    /// Where a datagram that quinn wants to send may leave.
    pub(crate) fn route(&mut self, datagram: &[u8]) -> Route {
        let Some(&first_byte) = datagram.first() else { return Route::Nowhere };
        if first_byte & 0x80 != 0 {
            // Long header: flags, four bytes of version, the ID's length. Its length is that of all the server's IDs.
            if self.newest > 0 {
                return Route::Nowhere;
            }
            self.id_length = datagram.get(5).map_or(0, |&length| usize::from(length).min(LONGEST_ID));
            let id = id_at(datagram, 6, self.id_length);
            self.used.insert(self.hasher.hash_one(id));
            self.last = Some(id);
            return Route::Newest { first: false, twice: false };
        }
        let id = id_at(datagram, 1, self.id_length);
        if self.last == Some(id) && self.sending != self.newest {
            return Route::Older(self.sending);
        }
        if self.last != Some(id) {
            if self.resets.is_reset(datagram) {
                return Route::Nowhere;
            }
            if self.repeated == Some(id) {
                return Route::Repeated;
            }
            self.server_ids_used += 1;
            if !self.used.insert(self.hasher.hash_one(id)) {
                self.repeated = Some(id);
                return Route::Repeated;
            }
        }
        let first = self.sending != self.newest;
        self.moves += u64::from(first);
        self.last = Some(id);
        self.sending = self.newest;
        let twice = self.answers > 0;
        self.answers = self.answers.saturating_sub(1);
        Route::Newest { first, twice }
    }

    /// A datagram arrived at the socket of this generation.
    pub(crate) fn received(&mut self, generation: u64, datagram: &[u8]) {
        let Some(&first_byte) = datagram.first() else { return };
        let Some(bytes) = datagram.get(1..=ids::LENGTH) else { return };
        let Ok(id) = <[u8; ids::LENGTH]>::try_from(bytes) else { return };
        let at_newest = generation == self.newest && generation > 0;
        if at_newest && datagram.len() >= CHALLENGE && self.challenges < CHALLENGES {
            self.challenges += 1;
            self.answers = ANSWERS;
        }
        if first_byte & 0x80 != 0 || self.heard.back() == Some(&(id, generation)) {
            return;
        }
        if self.heard.contains(&(id, generation)) {
            return;
        }
        if self.heard.iter().any(|(heard, _)| *heard == id) {
            self.links_seen += 1;
        }
        if self.heard.len() == REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back((id, generation));
    }
}

fn id_at(datagram: &[u8], start: usize, length: usize) -> Id {
    let mut id = ([0; LONGEST_ID], 0);
    if let Some(bytes) = datagram.get(start..start + length) {
        id.0[..length].copy_from_slice(bytes);
        id.1 = length;
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn initial(id_length: u8) -> Vec<u8> {
        let mut packet = vec![0xc3, 0, 0, 0, 1, id_length];
        packet.resize(1200, 7);
        packet
    }

    fn short(id: u8) -> Vec<u8> {
        let mut packet = vec![0x43];
        packet.extend([id; 8]);
        packet.extend(rand::random::<[u8; 20]>());
        packet
    }

    #[test]
    fn a_new_id_takes_the_newest_socket_and_an_old_one_stays() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.route(&initial(8)), Route::Newest { first: false, twice: false });
        assert_eq!(ledger.route(&short(1)), Route::Newest { first: false, twice: false });
        assert_eq!(ledger.hop(), 1);
        assert_eq!(ledger.route(&short(1)), Route::Older(0), "made before the hop");
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: true, twice: false });
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: false, twice: false });
        assert_eq!(ledger.route(&initial(8)), Route::Nowhere);
    }

    #[test]
    fn an_id_that_the_server_repeats_is_not_used() {
        let mut ledger = Ledger::default();
        ledger.route(&initial(8));
        assert_eq!(ledger.route(&short(1)), Route::Newest { first: false, twice: false });
        ledger.hop();
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: true, twice: false });
        ledger.hop();
        assert_eq!(ledger.route(&short(1)), Route::Repeated);
        assert_eq!(ledger.route(&short(1)), Route::Repeated);
        ledger.hop();
        assert_eq!(ledger.route(&short(3)), Route::Newest { first: true, twice: false });
    }

    #[test]
    fn what_may_answer_a_challenge_is_sent_twice() {
        let mut ledger = Ledger::default();
        ledger.route(&initial(8));
        ledger.route(&short(1));
        let mut large = short(9);
        large.resize(CHALLENGE, 0);
        ledger.received(0, &large);
        ledger.hop();
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: true, twice: false });
        ledger.received(0, &large);
        ledger.received(1, &short(8));
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: false, twice: false });
        ledger.received(1, &large);
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: false, twice: true });
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: false, twice: true });
        assert_eq!(ledger.route(&short(2)), Route::Newest { first: false, twice: false });
    }

    #[test]
    fn stateless_resets_do_not_leave() {
        let resets = ResetTokens::default();
        let mut ledger = Ledger::new(resets.clone());
        ledger.route(&initial(8));
        assert_eq!(ledger.route(&short(1)), Route::Newest { first: false, twice: false });
        let mut token = [0; ids::TOKEN];
        quinn::crypto::HmacKey::sign(&resets, &[], &mut token);
        let reset = [&[0x41, 5, 6, 7, 8, 9, 10, 11, 12, 13][..], &token].concat();
        assert_eq!(ledger.route(&reset), Route::Nowhere);
        ledger.hop();
        assert_eq!(ledger.route(&short(1)), Route::Older(0), "the last ID is still known");
    }

    #[test]
    fn a_server_that_keeps_its_id_is_noticed_once_per_hop() {
        let mut ledger = Ledger::default();
        ledger.received(0, &short(1));
        ledger.received(1, &short(2));
        ledger.received(0, &short(1));
        assert_eq!(ledger.links_seen(), 0);
        ledger.received(2, &short(2));
        ledger.received(2, &short(2));
        assert_eq!(ledger.links_seen(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40)) {
            let mut ledger = Ledger::default();
            for datagram in datagrams {
                ledger.route(&datagram);
                ledger.received(0, &datagram);
            }
        }

        /// Whatever quinn and the server do, no ID leaves from two sockets.
        #[test]
        fn no_id_on_two_sockets(steps in proptest::collection::vec(0..3u8, 0..300), ids in 2..250u8) {
            let mut ledger = Ledger::default();
            ledger.route(&initial(8));
            let mut homes: HashMap<u8, u64> = HashMap::new();
            let mut id = 0u8;
            for step in steps {
                match step {
                    0 => { ledger.hop(); }
                    1 => id = (id + 1) % ids,
                    _ => {
                        let home = match ledger.route(&short(id)) {
                            Route::Newest { .. } => ledger.newest(),
                            Route::Older(generation) => generation,
                            Route::Nowhere | Route::Repeated => continue,
                        };
                        prop_assert_eq!(*homes.entry(id).or_insert(home), home);
                    }
                }
            }
        }
    }
}
