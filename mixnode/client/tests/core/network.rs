//! Three mixes and two providers, without sockets: packets wait for the sum of their delays, and some get lost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use mimiq_client::{Core, Event, Keys, Message, Stream};
use mimiq_directory::{
    Directory, Envelope, Epochs, KeyOf, Node, Packet, Rates, Role, Routes, SigningKey, State, Trust,
};
use mimiq_messages::{Address, Event as Outcome, MessageId, OutboxConfig, Snapshot};
use mimiq_sphinx::{Action, NodeId, SecretKey, Unwrapper, payload};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

pub(crate) const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 1_000_000_100;

/// What has arrived at a provider: a recipient, a name, a payload.
type Stored = ([u8; 16], [u8; 16], Vec<u8>);

/// What waits in an inbox: its place, its name, its payload.
type Waiting = (u64, [u8; 16], Vec<u8>);

pub(crate) struct Network {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) routes: Arc<Routes>,
    unwrappers: HashMap<NodeId, Unwrapper>,
    providers: HashMap<String, NodeId>,
    /// Of a million packets, how many get lost.
    pub(crate) losing: u32,
    /// How long before they leave packets are handed out at most, nanoseconds.
    pub(crate) ahead: u64,
    on_the_way: BinaryHeap<Reverse<(u64, u64)>>,
    stored: HashMap<u64, Stored>,
    inboxes: HashMap<[u8; 16], Vec<Waiting>>,
    number: u64,
}

pub(crate) struct Person {
    pub(crate) core: Core,
    pub(crate) address: Address,
    keys: Vec<u8>,
    pub(crate) messages: Vec<Message>,
    pub(crate) outcomes: Vec<Outcome>,
    /// When packets of each stream left, nanoseconds.
    pub(crate) sent: HashMap<Stream, Vec<u64>>,
    /// How many times some were handed out.
    pub(crate) rounds: usize,
    pub(crate) pulls: Vec<u64>,
    pub(crate) attacks: usize,
    pub(crate) snapshot: Snapshot,
}

fn secret(node: usize) -> SecretKey {
    SecretKey::from_bytes([node as u8 + 1; 32])
}

/// Three mixes and two providers, as changed.
pub(crate) fn directory(rates: Rates, change: impl FnOnce(&mut State)) -> Directory {
    let role = |number: usize| match number {
        0..=2 => Role::Mix { layer: number + 1 },
        _ => Role::Provider { name: format!("p{number}"), access: ([192, 0, 2, number as u8], 443).into() },
    };
    let node = |number: usize| Node {
        identity: [number as u8 + 1; 32].into(),
        address: ([192, 0, 2, number as u8], 1700).into(),
        link: (*SecretKey::from_bytes([number as u8 + 101; 32]).public_key().as_bytes()).into(),
        role: role(number),
        keys: (0..3).map(|epoch| KeyOf { epoch, key: (*secret(number).public_key().as_bytes()).into() }).collect(),
    };
    let mut state = State {
        network: "test".to_owned(),
        serial: 1,
        valid_after: NOW - 100,
        valid_until: NOW + 7000,
        epochs: Epochs { genesis: NOW - 100, length: 3600 },
        packet: Packet { hops: 5, payload: 901 },
        rates,
        nodes: (0..5).map(node).collect(),
    };
    change(&mut state);
    let authority = SigningKey::from_seed(&[99; 32]).unwrap();
    let mut envelope = Envelope::new(&state).unwrap();
    envelope.sign(&authority);
    let trust = Trust::new(vec![authority.public_key()], 1).unwrap();
    trust.open(&serde_json::to_vec(&envelope).unwrap(), "test", NOW, None).unwrap()
}

impl Network {
    pub(crate) fn new(seed: u64, rates: Rates) -> Self {
        let directory = directory(rates, |_| {});
        let geometry = directory.geometry();
        let id = |number: usize| directory.state().nodes[number].id();
        let unwrappers = (0..5).map(|number| (id(number), Unwrapper::new(geometry, secret(number)))).collect();
        let providers = (3..5).map(|number| (format!("p{number}"), id(number))).collect();
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            routes: Arc::new(Routes::new(Arc::new(directory), 0).unwrap()),
            unwrappers,
            providers,
            losing: 0,
            ahead: 0,
            on_the_way: BinaryHeap::new(),
            stored: HashMap::new(),
            inboxes: HashMap::new(),
            number: 0,
        }
    }

    pub(crate) fn person(&mut self, provider: &str) -> Person {
        let keys = Keys::generate(&mut self.rng);
        let address = keys.address(provider).unwrap();
        self.inboxes.insert(*address.account(), Vec::new());
        let bytes = keys.identity().secret().to_vec();
        self.with_keys(&bytes, address, Snapshot(Vec::new()))
    }

    fn with_keys(&mut self, keys: &[u8], address: Address, snapshot: Snapshot) -> Person {
        let identity = mimiq_messages::Identity::from_bytes(keys.try_into().unwrap());
        let outbox = OutboxConfig { first_timeout: 20 * SECOND, most_attempts: 16, most_messages: 1000 };
        let geometry = self.routes.directory().geometry();
        let core = Core::new(identity, address.clone(), geometry, outbox, snapshot.clone()).unwrap();
        Person {
            core,
            address,
            keys: keys.to_vec(),
            messages: Vec::new(),
            outcomes: Vec::new(),
            sent: HashMap::new(),
            rounds: 0,
            pulls: Vec::new(),
            attacks: 0,
            snapshot,
        }
    }

    /// Lets a person's process die: what is left is the snapshot.
    pub(crate) fn crash(&mut self, person: &mut Person, now: u64) {
        let (keys, address, snapshot) = (person.keys.clone(), person.address.clone(), person.snapshot.clone());
        let mut again = self.with_keys(&keys, address, snapshot);
        again.core.connected(now, self.ahead, &self.routes, &mut self.rng);
        person.core = again.core;
    }

    /// Runs clients until a time. Those who `take` have their messages stored and acknowledged at once.
    pub(crate) fn run(&mut self, people: &mut [&mut Person], from: u64, until: u64, take: bool) {
        let mut now = from;
        while now < until {
            self.arrive(now);
            for person in &mut *people {
                let mut packets = Vec::new();
                let routes = self.routes.clone();
                person.core.prepare(now, &routes, &mut self.rng);
                let pull = person.core.pull(now);
                person.core.fire(now, &routes, &mut self.rng, |at, stream, packet| {
                    packets.push((at, stream, packet));
                });
                assert!(packets.is_sorted_by_key(|(at, ..)| *at) && packets.first().is_none_or(|(at, ..)| *at >= now));
                person.rounds += usize::from(!packets.is_empty());
                for (at, stream, packet) in packets {
                    person.sent.entry(stream).or_default().push(at);
                    self.carry(at, person.address.provider(), packet);
                }
                if pull {
                    person.pulls.push(now);
                    self.pull(now, person);
                }
                while let Some(event) = person.core.event() {
                    match event {
                        Event::Message(message) => {
                            if take {
                                person.snapshot = person.core.snapshot(Some(message.id));
                                person.core.taken(message.id);
                            }
                            person.messages.push(message);
                        }
                        Event::Sent(outcome) => person.outcomes.push(outcome),
                        Event::Attack(_) => person.attacks += 1,
                    }
                }
            }
            let arrival = self.on_the_way.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            now = people.iter().map(|person| person.core.next()).fold(arrival, u64::min).max(now + 1);
        }
    }

    /// Through all nodes at once, to arrive after all delays.
    fn carry(&mut self, now: u64, provider: &str, mut packet: Vec<u8>) {
        let geometry = self.routes.directory().geometry();
        assert_eq!(packet.len(), geometry.packet_len());
        if self.rng.random_range(0..1_000_000) < self.losing {
            return;
        }
        let (mut node, mut at) = (self.providers[provider], now);
        loop {
            let mut results = Vec::new();
            self.unwrappers[&node].unwrap_batch(&mut [&mut packet], &mut results);
            let unwrapped = results.pop().unwrap().unwrap();
            at += unwrapped.delay.as_nanos() as u64;
            match unwrapped.action {
                Action::Relay { next } => node = next,
                Action::Deliver { recipient, id } => {
                    self.number += 1;
                    self.stored.insert(self.number, (recipient, id, payload(&geometry, &packet).to_vec()));
                    self.on_the_way.push(Reverse((at, self.number)));
                    return;
                }
                Action::Drop => return,
                Action::Loop { .. } => panic!("clients' loops are messages"),
            }
        }
    }

    fn arrive(&mut self, now: u64) {
        while let Some(Reverse((at, number))) = self.on_the_way.peek().copied()
            && at <= now
        {
            self.on_the_way.pop();
            let (recipient, id, payload) = self.stored.remove(&number).unwrap();
            self.number += 1;
            self.inboxes.get_mut(&recipient).unwrap().push((self.number, id, payload));
        }
    }

    fn pull(&mut self, now: u64, person: &mut Person) {
        let inbox = self.inboxes.get_mut(person.address.account()).unwrap();
        let wanted = person.core.wanted();
        inbox.retain(|(place, ..)| *place > wanted.done);
        for (place, id, payload) in inbox.iter().filter(|(place, ..)| *place > wanted.seen).take(8) {
            person.core.received(now, NOW + now / SECOND, *place, *id, &mut payload.clone());
        }
    }
}

pub(crate) fn rates() -> Rates {
    Rates { mu: 2.0, lambda_p: 2.0, lambda_l: 1.0, lambda_d: 0.5, lambda_m: 1.0, pull: 2.0, messages_per_pull: 8 }
}

pub(crate) fn submit(person: &mut Person, to: &Person, text: &[u8], rng: &mut ChaCha8Rng) -> MessageId {
    person.core.submit(to.address.clone(), text, true, rng).unwrap()
}

/// Kolmogorov and Smirnov's distance between the gaps of a stream and an exponential distribution, times the root of their number.
pub(crate) fn distance(times: &[u64], rate: f64) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
    gaps.sort_by(f64::total_cmp);
    let count = gaps.len() as f64;
    let at = |(place, gap): (usize, &f64)| {
        let model = 1.0 - (-rate * gap).exp();
        (model - place as f64 / count).abs().max((model - (place as f64 + 1.0) / count).abs())
    };
    gaps.iter().enumerate().map(at).fold(0.0, f64::max) * count.sqrt()
}
