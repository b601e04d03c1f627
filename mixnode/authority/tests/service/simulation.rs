//! Simulated time: answers are lost or late, clocks differ by less than a round, processes crash, and one of them is dead or lies.

use std::collections::{HashMap, HashSet};

use mimiq_authority::{Core, Signed, Vow};
use mimiq_directory::{Descriptor, Envelope, Epochs, Policy, compose};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::setup::{NODES, descriptor, key, policy, statement};

const EPOCHS: Epochs = Epochs { genesis: 1_000_000, length: 24 };
const ROUND: u64 = 3;
/// Clocks are ahead by less than a round.
const MOST_SKEW: u64 = ROUND - 1;
/// When things stop to fail, and when all that is to happen must have happened.
pub(crate) const CALM: u64 = EPOCHS.genesis + 2 * EPOCHS.length;
const END: u64 = CALM + 2 * EPOCHS.length;

/// What is wrong with the last authority.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Nothing,
    /// It never was there.
    Dead,
    /// It shows texts that follow from nothing, in its rounds and in others'.
    Garbage,
    /// It knows what each of the others would sign, shows it to them in its rounds, and signs whatever there is.
    Splitting,
}

/// An answer under way.
enum Answer {
    Descriptors(Vec<Descriptor>),
    Proposal(Envelope),
    State(Vec<u8>),
}

/// An authority and what it has stored.
struct Member {
    number: u8,
    core: Core,
    skew: u64,
    signed: Option<Signed>,
    descriptors: Vec<Descriptor>,
    state: Option<Vec<u8>>,
}

pub(crate) struct Simulation {
    policy: Policy,
    fault: Fault,
    rng: StdRng,
    pub(crate) now: u64,
    members: Vec<Member>,
    under_way: Vec<(u64, usize, Answer)>,
    /// Who signed which text with which serial.
    pub(crate) signers: HashMap<u64, HashMap<String, HashSet<u8>>>,
}

impl Simulation {
    pub(crate) fn new(authorities: u8, threshold: usize, fault: Fault, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let policy = policy(authorities, threshold, ROUND, EPOCHS);
        let honest = if fault == Fault::Nothing { authorities } else { authorities - 1 };
        let member = |number| Member {
            number,
            core: Core::new(key(number), policy.clone(), None).unwrap(),
            skew: rng.random_range(0..=MOST_SKEW),
            signed: None,
            descriptors: Vec::new(),
            state: None,
        };
        let members = (101..101 + honest).map(member).collect();
        let (under_way, signers) = (Vec::new(), HashMap::new());
        Self { policy, fault, rng, now: EPOCHS.genesis, members, under_way, signers }
    }

    fn is_calm(&self) -> bool {
        self.now >= CALM
    }

    fn happens(&mut self, probability: f64) -> bool {
        !self.is_calm() && self.rng.random_bool(probability)
    }

    /// Signs, unless the process ends when it has written down what.
    fn keep(&mut self, member: usize, vow: Vow) {
        self.members[member].signed = Some(vow.signed());
        if self.happens(0.1) {
            return self.restart(member);
        }
        let serial = vow.signed().serial;
        let Member { core, number, .. } = &mut self.members[member];
        core.keep(vow);
        let text = core.proposal(serial).unwrap().state.clone();
        self.signers.entry(serial).or_default().entry(text).or_default().insert(*number);
    }

    fn restart(&mut self, member: usize) {
        let Member { number, core, signed, descriptors, state, skew } = &mut self.members[member];
        *core = Core::new(key(*number), self.policy.clone(), *signed).unwrap();
        for descriptor in descriptors {
            if let Ok(Some(change)) = core.consider(descriptor) {
                core.apply(change);
            }
        }
        if let Some(Ok(Some(published))) = state.as_ref().map(|state| core.open(state, self.now + *skew)) {
            core.publish(published);
        }
    }

    fn learn(&mut self, member: usize, descriptor: &Descriptor) {
        let Member { core, descriptors, .. } = &mut self.members[member];
        if let Ok(Some(change)) = core.consider(descriptor) {
            descriptors.push(descriptor.clone());
            core.apply(change);
        }
    }

    fn adopt(&mut self, member: usize, bytes: Vec<u8>) {
        let Member { core, skew, state, .. } = &mut self.members[member];
        if let Ok(Some(published)) = core.open(&bytes, self.now + *skew) {
            *state = Some(bytes);
            core.publish(published);
        }
    }

    fn complete(&mut self, member: usize) {
        if let Some(envelope) = self.members[member].core.complete() {
            let bytes = serde_json::to_vec(envelope).unwrap();
            self.adopt(member, bytes);
        }
    }

    /// One asks another for everything.
    fn ask(&mut self, member: usize, peer: usize) {
        if self.happens(0.5) {
            return;
        }
        let now = self.now + self.members[member].skew;
        let peer = &self.members[peer];
        let known = peer.core.descriptors().all();
        let mut answers =
            vec![Answer::Descriptors(known.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect())];
        let serials = self.members[member].core.open_serials(now).into_iter();
        answers.extend(serials.filter_map(|serial| peer.core.proposal(serial)).cloned().map(Answer::Proposal));
        let seen = |member: &Member| member.core.published().map(|published| published.directory.seen());
        // As with an ETag.
        let news = seen(peer) != seen(&self.members[member]);
        answers.extend(peer.state.clone().filter(|_| news).map(Answer::State));
        let delay = if self.is_calm() { 0 } else { self.rng.random_range(0..2 * ROUND) };
        self.under_way.extend(answers.into_iter().map(|answer| (self.now + delay, member, answer)));
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.under_way).into_iter().partition(|(at, _, _)| *at <= now);
        self.under_way = later;
        let due: Vec<(u64, usize, Answer)> = due;
        for (_, member, answer) in due {
            match answer {
                Answer::Descriptors(descriptors) => descriptors.iter().for_each(|said| self.learn(member, said)),
                Answer::Proposal(envelope) => {
                    let now = now + self.members[member].skew;
                    if let Ok(Some(vow)) = self.members[member].core.hear(envelope, now) {
                        self.keep(member, vow);
                    }
                    self.complete(member);
                }
                Answer::State(bytes) => self.adopt(member, bytes),
            }
        }
    }

    /// What the last authority does if it lies.
    fn lie(&mut self) {
        let liar = 100 + self.policy.authorities.len() as u8;
        for member in 0..self.members.len() {
            let now = self.now + self.members[member].skew;
            let serial = self.members[member].core.serial(now).unwrap();
            let epoch = EPOCHS.at(now).unwrap();
            let known = self.members[member].core.descriptors().all();
            let Ok(composition) = compose(&self.policy, &known, epoch, serial, now) else { continue };
            let mut state = composition.state;
            if self.fault == Fault::Garbage {
                state.nodes[0].address.set_port(666);
            }
            let mut envelope = Envelope::new(&state).unwrap();
            envelope.sign(&key(liar));
            self.under_way.push((self.now, member, Answer::Proposal(envelope)));
        }
        if self.fault == Fault::Splitting {
            self.signers.values_mut().flat_map(HashMap::values_mut).for_each(|signers| signers.extend([liar]));
        }
    }

    pub(crate) fn step(&mut self) {
        if self.now == EPOCHS.genesis || self.happens(0.2) {
            // A node says something, to one authority.
            let changes = if self.now == EPOCHS.genesis { NODES } else { 3..=3 };
            for node in changes {
                let mut said = statement(node, self.now, 0..8);
                said.node.address.set_port(self.rng.random_range(1..600));
                let member = self.rng.random_range(0..self.members.len());
                self.learn(member, &descriptor(&said));
            }
        }
        for member in 0..self.members.len() {
            if self.happens(0.05) {
                self.restart(member);
            }
            let now = self.now + self.members[member].skew;
            if let Ok(Some(vow)) = self.members[member].core.propose(now) {
                self.keep(member, vow);
            }
            for peer in (0..self.members.len()).filter(|peer| *peer != member) {
                self.ask(member, peer);
            }
            self.deliver();
        }
        if matches!(self.fault, Fault::Garbage | Fault::Splitting) {
            self.lie();
        }
        self.deliver();
        self.now += 1;
    }

    /// At most one text of each serial has enough signatures, whoever may have seen them.
    fn check_one_text(&self) {
        for (serial, texts) in &self.signers {
            let complete = texts.values().filter(|signers| signers.len() >= self.policy.threshold).count();
            assert!(complete <= 1, "{complete} texts with {serial}");
        }
    }

    pub(crate) fn run(&mut self) {
        while self.now < END {
            self.step();
            self.check_one_text();
            // Clocks that are ahead may be in the next epoch soon.
            let left = EPOCHS.length - 1 - (self.now - EPOCHS.genesis) % EPOCHS.length;
            if self.now > CALM + EPOCHS.length / 2 && left == MOST_SKEW + 1 {
                self.check_progress();
            }
        }
    }

    /// All that are honest serve a state of this epoch with everything that nodes have said.
    fn check_progress(&self) {
        for member in &self.members {
            let state = member.core.published().unwrap().directory.state();
            assert_eq!(EPOCHS.at(state.valid_after), EPOCHS.at(self.now), "of this epoch");
            let known = member.core.descriptors().all();
            let now = self.now + member.skew;
            let wanted = compose(&self.policy, &known, EPOCHS.at(now).unwrap(), state.serial, now).unwrap().state;
            assert_eq!(*state, wanted);
            assert_eq!(known.len(), 8);
            assert!(state.nodes.iter().all(|node| node.address.port() != 666));
        }
    }
}
