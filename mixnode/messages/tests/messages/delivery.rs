//! Two clients and a network that loses, duplicates and reorders; the recipient crashes and starts again.

use std::collections::{BTreeMap, HashMap, VecDeque};

use mimiq_messages::{
    Acknowledgement, Event, Fragment, Inbox, InboxConfig, MessageId, Outbox, Outcome, Piece, Snapshot,
};
use mimiq_sphinx::Geometry;
use proptest::prelude::*;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;

use crate::setup::{SECOND, address, block, body, inbox, outbox, rng};

const SENDER: [u8; 32] = [1; 32];

#[derive(Clone, Copy, Debug)]
struct Network {
    /// Probabilities.
    loss: f64,
    duplicate: f64,
    crash: f64,
    /// Longest, seconds; longer than the first timeout.
    delay: u64,
}

enum Packet {
    Payload(Vec<u8>),
    Reply(Piece, Acknowledgement),
}

struct World {
    network: Network,
    rng: ChaCha20Rng,
    now: u64,
    outbox: Outbox,
    inbox: Inbox,
    /// The client's queue, of which one leaves each second.
    queue: VecDeque<(Piece, Vec<u8>)>,
    /// When the next one leaves.
    tick: u64,
    /// By when they arrive.
    under_way: BTreeMap<u64, Packet>,
    received: Vec<(MessageId, Vec<u8>)>,
    /// How many reply blocks were made: none is used twice.
    blocks: usize,
}

impl World {
    fn new(network: Network, seed: u64) -> Self {
        Self {
            network,
            rng: rng(seed),
            now: 0,
            outbox: outbox(),
            inbox: inbox(InboxConfig::default()),
            queue: VecDeque::new(),
            tick: 0,
            under_way: BTreeMap::new(),
            received: vec![],
            blocks: 0,
        }
    }

    fn send(&mut self, packet: impl Fn() -> Packet) {
        let copies = 1 + usize::from(self.rng.random_bool(self.network.duplicate));
        for _ in 0..copies {
            if !self.rng.random_bool(self.network.loss) {
                let delay = self.rng.random_range(1..=self.network.delay * SECOND);
                self.under_way.insert(self.now + delay, packet());
            }
        }
    }

    fn arrives(&mut self, packet: Packet) {
        match packet {
            Packet::Reply(piece, acknowledgement) => assert!(self.outbox.acknowledged(piece, &acknowledgement)),
            Packet::Payload(content) => {
                if self.rng.random_bool(self.network.crash) {
                    let stored = Snapshot::from_bytes(&self.inbox.snapshot().to_bytes()).unwrap();
                    self.inbox = inbox(InboxConfig::default());
                    stored.0.into_iter().for_each(|received| self.inbox.remember(received));
                }
                let fragment = Fragment::parse(&content, &Geometry::default()).unwrap();
                let accepted = self.inbox.accept(self.now / SECOND, &SENDER, &fragment).unwrap();
                if let Outcome::Complete(message) = accepted.outcome {
                    self.received.push((fragment.piece.message, message));
                }
                if let Some(acknowledgement) = accepted.acknowledgement {
                    self.send(|| Packet::Reply(fragment.piece, acknowledgement));
                }
            }
        }
    }

    /// Until nothing more can happen.
    fn run(&mut self) -> Vec<Event> {
        let mut events = vec![];
        loop {
            while let Some(due) = self.outbox.next(self.now) {
                self.blocks += 1;
                let block = block(self.blocks);
                let block = due.wants_block.then_some(&block[..]);
                let fragment = Fragment { piece: due.piece, count: due.count, block, bytes: due.bytes };
                self.queue.push_back((due.piece, fragment.encode()));
            }
            events.extend(std::iter::from_fn(|| self.outbox.event()));
            let leaves = (!self.queue.is_empty()).then_some(self.tick.max(self.now));
            let arrives = self.under_way.keys().next().copied();
            let Some(next) = [leaves, arrives, self.outbox.deadline()].into_iter().flatten().min() else {
                return events;
            };
            self.now = next;
            if arrives == Some(next) {
                let (_, packet) = self.under_way.pop_first().unwrap();
                self.arrives(packet);
            } else if leaves == Some(next) {
                let (piece, content) = self.queue.pop_front().unwrap();
                self.tick = self.now + SECOND;
                self.outbox.sent(self.now, piece, &mut self.rng);
                self.send(|| Packet::Payload(content.clone()));
            }
        }
    }
}

/// Sends messages, and says how many were delivered.
fn deliver(network: Network, lengths: &[(usize, bool)], seed: u64) -> Result<usize, TestCaseError> {
    let mut world = World::new(network, seed);
    let mut sent = HashMap::new();
    for (length, reliable) in lengths {
        let id = world.outbox.submit(address(1), body(*length), *reliable, &mut world.rng).unwrap();
        sent.insert(id, (*length, *reliable));
    }
    let mut delivered = 0;
    let mut waiting = sent.clone();
    let events = world.run();
    for event in events {
        let (Event::Delivered(id) | Event::Sent(id) | Event::Failed(id, _)) = event;
        let (_, reliable) = waiting.remove(&id).expect("one event for each message");
        prop_assert_eq!(matches!(event, Event::Sent(_)), !reliable);
        if let Event::Delivered(_) = event {
            delivered += 1;
            prop_assert!(world.received.iter().any(|(received, _)| *received == id));
        }
    }
    prop_assert!(waiting.is_empty(), "without an event: {:?}", waiting);
    for (id, message) in &world.received {
        prop_assert_eq!(message, &body(sent.remove(id).expect("shown once").0));
    }
    Ok(delivered)
}

fn lengths() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0..8000usize, prop::bool::weighted(0.8)), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn delivered_is_received_and_once(
        lengths in lengths(),
        loss in 0.0..0.6,
        duplicate in 0.0..0.5,
        crash in 0.0..0.1,
        seed: u64,
    ) {
        deliver(Network { loss, duplicate, crash, delay: 30 }, &lengths, seed)?;
    }

    #[test]
    fn all_are_delivered_when_nothing_is_lost(lengths in lengths(), duplicate in 0.0..0.5, seed: u64) {
        let reliable = lengths.iter().filter(|(_, reliable)| *reliable).count();
        prop_assert_eq!(deliver(Network { loss: 0.0, duplicate, crash: 0.0, delay: 30 }, &lengths, seed)?, reliable);
    }

    #[test]
    fn none_is_delivered_when_all_is_lost(lengths in lengths(), seed: u64) {
        prop_assert_eq!(deliver(Network { loss: 1.0, duplicate: 0.0, crash: 0.0, delay: 1 }, &lengths, seed)?, 0);
    }
}

#[test]
fn losses_and_crashes_are_made_up_for() {
    let network = Network { loss: 0.2, duplicate: 0.1, crash: 0.02, delay: 5 };
    let delivered: usize = (0..100).map(|seed| deliver(network, &[(3000, true), (400, true)], seed).unwrap()).sum();
    assert!(delivered >= 180, "{delivered} of 200");
}
