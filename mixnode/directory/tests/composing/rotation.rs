//! Keys change without downtime.

use std::collections::HashMap;

use mimiq_directory::{Directory, Envelope, Hex32, KeyRing, Node, Schedule, Statement, Trust, compose};
use mimiq_sphinx::SecretKey;

use crate::setup::{EPOCHS, NETWORK, NODES, address, bytes, identity, key, link, policy, rng, role};

/// A minute; everything that happens does so at its start.
const STEP: u64 = 60;
const GRACE: u64 = 600;
/// Seconds into an epoch at which its state is published: nodes have sent the key of the next by then.
const PUBLISHED: u64 = 900;

/// Nodes, authorities and their last two publications.
struct Network {
    schedule: Schedule,
    rings: HashMap<Hex32, KeyRing>,
    trust: Trust,
    publications: Vec<Vec<u8>>,
}

impl Network {
    fn new() -> Self {
        let rings = NODES.map(|number| (identity(number), KeyRing::default())).collect();
        let trust = Trust::new(vec![identity(101), identity(102), identity(103)], 2).unwrap();
        Self { schedule: Schedule::new(EPOCHS, GRACE).unwrap(), rings, trust, publications: Vec::new() }
    }

    fn advance(&mut self, now: u64) {
        for (number, ring) in self.rings.values_mut().enumerate() {
            ring.expire(&self.schedule, now);
            for epoch in ring.missing(&self.schedule, now) {
                ring.add(epoch, SecretKey::generate(&mut rng(number as u64 * 1_000 + epoch)));
            }
        }
    }

    fn publish(&mut self, now: u64) {
        let epoch = EPOCHS.at(now).unwrap();
        let describe = |number: u8| {
            let keys = self.rings[&identity(number)].published(&self.schedule, now);
            let node = Node {
                identity: identity(number),
                address: address(number),
                link: link(number),
                role: role(number),
                keys,
            };
            bytes(&Statement { network: NETWORK.to_owned(), sequence: epoch, node }, number)
        };
        let descriptors: Vec<_> = NODES.map(describe).collect();
        let composition = compose(&policy(), &descriptors, epoch, epoch, now).unwrap();
        assert!(composition.unfit.is_empty());
        let mut envelope = Envelope::new(&composition.state).unwrap();
        [101, 103].iter().for_each(|authority| envelope.sign(&key(*authority)));
        self.publications.push(serde_json::to_vec(&envelope).unwrap());
    }

    /// Whether each node takes, at a time, packets built for a key of an epoch in a state.
    fn takes(&self, directory: &Directory, epoch: u64, now: u64) -> bool {
        directory.state().nodes.iter().all(|node| {
            let mut accepted = self.rings[&node.identity].accepted(&self.schedule, now);
            let wanted = node.key(epoch).unwrap();
            accepted.any(|(of, secret)| of == epoch && secret.public_key() == wanted)
        })
    }
}

/// At each minute of five epochs: the last publication opens, and so does the one before it until the end of its time, which is after the next
/// publication. With either, a client builds for keys that every node takes now, and still takes when a packet arrives as late as the grace allows;
/// also a client whose clock is some minutes wrong.
#[test]
fn a_client_with_the_previous_state_is_understood_at_every_instant() {
    let mut network = Network::new();
    let (first, begin) = (20, EPOCHS.start(20).unwrap());
    network.advance(begin);
    network.publish(begin);
    let mut previous_used = 0;
    // What clients built, for which epoch, and until when it may arrive.
    let mut on_their_way: Vec<(Directory, u64, u64)> = Vec::new();
    for now in (begin..begin + 5 * EPOCHS.length).step_by(STEP as usize) {
        network.advance(now);
        let (epoch, into) = (EPOCHS.at(now).unwrap(), (now - begin) % EPOCHS.length);
        if into == PUBLISHED && epoch > first {
            network.publish(now);
        }
        on_their_way.retain(|(_, _, until)| now < *until);
        for (directory, epoch, _) in &on_their_way {
            assert!(network.takes(directory, *epoch, now), "built for epoch {epoch}, arrived at {now}");
        }
        let latest = network.publications.len() - 1;
        for publication in &network.publications[latest.saturating_sub(1)..] {
            let Ok(directory) = network.trust.open(publication, NETWORK, now, None) else {
                assert_ne!(publication, &network.publications[latest], "the latest opens always");
                continue;
            };
            previous_used += u32::from(publication != &network.publications[latest]);
            for clock in [now - 120, now, now + 120] {
                // A wrong clock may also be at a time for which the state has no key; such a client builds nothing.
                let built_for = EPOCHS.at(clock).unwrap();
                if directory.state().nodes[0].key(built_for).is_some() {
                    assert!(network.takes(&directory, built_for, now), "clock {clock} at {now}");
                } else {
                    assert_ne!(clock, now);
                }
            }
            on_their_way.push((directory, epoch, now + GRACE));
        }
    }
    // From each publication but the first to the end of its epoch.
    assert_eq!(u64::from(previous_used), 4 * (EPOCHS.length - PUBLISHED) / STEP);
}

/// The test above can fail: without the next epoch's key, nobody is understood once it begins.
#[test]
fn without_keys_made_ahead_rotation_fails() {
    let mut network = Network::new();
    let begin = EPOCHS.start(20).unwrap();
    network.advance(begin);
    network.publish(begin);
    let next = begin + EPOCHS.length;
    let directory = network.trust.open(&network.publications[0], NETWORK, next, None).unwrap();
    assert!(network.takes(&directory, 21, next));
    network.rings.values_mut().for_each(|ring| *ring = KeyRing::default());
    network.rings.iter_mut().for_each(|(_, ring)| ring.add(21, SecretKey::generate(&mut rng(7))));
    assert!(!network.takes(&directory, 21, next));
}
