//! What is sent arrives once, and its sender hears of it.

use std::collections::HashSet;

use mimiq_access::Pull;
use mimiq_messages::Event as Outcome;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::network::{Network, Person, SECOND, rates, submit};

fn connect(network: &mut Network, people: &mut [&mut Person]) {
    let routes = network.routes.clone();
    people.iter_mut().for_each(|person| person.core.connected(0, network.ahead, &routes, &mut network.rng));
}

fn delivered(person: &Person) -> HashSet<[u8; 16]> {
    let ids = person.outcomes.iter().map(|outcome| match outcome {
        Outcome::Delivered(id) => id.0,
        other => panic!("{other:?}"),
    });
    ids.collect()
}

#[test]
fn a_fifth_of_all_packets_is_lost_and_no_message() {
    for seed in 0..2 {
        let mut network = Network::new(seed, rates());
        network.losing = 200_000;
        let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
        connect(&mut network, &mut [&mut alice, &mut bob]);
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let texts: Vec<Vec<u8>> = (0..12u8).map(|number| vec![number; usize::from(number) * 150]).collect();
        let ids: HashSet<_> = texts.iter().map(|text| submit(&mut alice, &bob, text, rng).0).collect();
        // Whatever is lost is sent again, each time after twice as long.
        for minutes in (0..100).step_by(2) {
            let (from, until) = (minutes * 60 * SECOND, (minutes + 2) * 60 * SECOND);
            network.run(&mut [&mut alice, &mut bob], from, until, true);
            if delivered(&alice).len() == ids.len() {
                break;
            }
        }
        assert_eq!(delivered(&alice), ids);
        let mut got: Vec<_> = bob.messages.iter().map(|message| message.text.clone()).collect();
        got.sort();
        assert_eq!(got, texts);
        assert!(bob.messages.iter().all(|message| message.from == alice.address));
    }
}

/// Bob's process dies again and again: what he has taken does not come twice, and what he has not is not lost.
#[test]
fn a_crash_loses_nothing_and_repeats_nothing() {
    let mut network = Network::new(7, rates());
    network.losing = 20_000;
    let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
    connect(&mut network, &mut [&mut alice, &mut bob]);
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let ids: HashSet<_> = (0..15u16).map(|number| submit(&mut alice, &bob, &number.to_be_bytes(), rng).0).collect();
    for minute in 0..8 {
        network.run(&mut [&mut alice, &mut bob], minute * 60 * SECOND, (minute + 1) * 60 * SECOND, true);
        network.crash(&mut bob, (minute + 1) * 60 * SECOND);
    }
    assert_eq!(delivered(&alice), ids);
    let got: HashSet<_> = bob.messages.iter().map(|message| message.id.0).collect();
    assert_eq!((got, bob.messages.len()), (ids, 15));
}

/// Who has a message but has not taken it has not acknowledged it, and gets it again after a crash.
#[test]
fn nothing_is_acknowledged_before_it_is_taken() {
    let mut network = Network::new(8, rates());
    let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
    connect(&mut network, &mut [&mut alice, &mut bob]);
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let id = submit(&mut alice, &bob, b"take me", rng);
    network.run(&mut [&mut alice, &mut bob], 0, 120 * SECOND, false);
    assert_eq!(bob.messages.len(), 1);
    assert!(alice.outcomes.is_empty());
    network.crash(&mut bob, 120 * SECOND);
    network.run(&mut [&mut alice, &mut bob], 120 * SECOND, 400 * SECOND, true);
    assert_eq!(bob.messages.len(), 2);
    assert_eq!(bob.messages[0], bob.messages[1]);
    assert_eq!(alice.outcomes, [Outcome::Delivered(id)]);
}

/// Messages that the user does not look at stay in the inbox; newer ones, acknowledgements and loops come nevertheless.
#[test]
fn what_is_not_taken_holds_up_nothing() {
    let mut network = Network::new(9, rates());
    let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
    connect(&mut network, &mut [&mut alice, &mut bob]);
    let rng = &mut ChaCha8Rng::seed_from_u64(9);
    let mut expected: Vec<Vec<u8>> = (0..20u8).map(|number| vec![number; 3]).collect();
    for text in &expected {
        submit(&mut alice, &bob, text, rng);
    }
    network.run(&mut [&mut alice, &mut bob], 0, 200 * SECOND, false);
    let mut texts: Vec<Vec<u8>> = bob.messages.iter().map(|message| message.text.clone()).collect();
    texts.sort();
    expected.sort();
    assert_eq!(texts, expected);
    assert_eq!((alice.attacks, bob.attacks), (0, 0));
    let Pull { done, seen } = bob.core.wanted();
    assert!(done < seen, "{done} {seen}");
    // After a crash all of them are there still.
    network.crash(&mut bob, 200 * SECOND);
    network.run(&mut [&mut alice, &mut bob], 200 * SECOND, 400 * SECOND, true);
    assert_eq!(bob.messages.len(), 40);
    assert_eq!(delivered(&alice).len(), 20);
}

/// Anybody can make a client send acknowledgements: they and its own messages take turns.
#[test]
fn acknowledgements_do_not_hold_up_messages() {
    let mut network = Network::new(10, rates());
    let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
    connect(&mut network, &mut [&mut alice, &mut bob]);
    let rng = &mut ChaCha8Rng::seed_from_u64(10);
    for number in 0..40u8 {
        submit(&mut alice, &bob, &[number; 3], rng);
    }
    network.run(&mut [&mut alice, &mut bob], 0, 100 * SECOND, false);
    assert_eq!(bob.messages.len(), 40);
    bob.messages.iter().for_each(|message| bob.core.taken(message.id));
    submit(&mut bob, &alice, b"and now I", rng);
    // Alone the acknowledgements take twenty seconds.
    network.run(&mut [&mut alice, &mut bob], 100 * SECOND, 110 * SECOND, true);
    assert_eq!(alice.messages.iter().map(|message| &message.text[..]).collect::<Vec<_>>(), [b"and now I"]);
    assert!(alice.outcomes.len() < 40);
    network.run(&mut [&mut alice, &mut bob], 110 * SECOND, 300 * SECOND, true);
    assert_eq!(delivered(&alice).len(), 40);
}
