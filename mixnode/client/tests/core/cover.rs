//! What an observer sees does not depend on what the user does (Loopix §4.1.2).

use std::sync::Arc;

use mimiq_client::Stream;
use mimiq_directory::Routes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::network::{Network, SECOND, distance, rates, submit};

#[test]
fn each_stream_is_poisson_whether_the_user_sends_much_or_nothing() {
    for (seed, messages, ahead) in [(1, 0, 0), (2, 300, 0), (3, 0, 2 * SECOND), (4, 300, 2 * SECOND)] {
        let mut network = Network::new(seed, rates());
        network.ahead = ahead;
        let (mut alice, mut bob) = (network.person("p3"), network.person("p4"));
        let routes = network.routes.clone();
        alice.core.connected(0, network.ahead, &routes, &mut network.rng);
        bob.core.connected(0, network.ahead, &routes, &mut network.rng);
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..messages {
            submit(&mut alice, &bob, b"busy", rng);
        }
        network.run(&mut [&mut alice, &mut bob], 0, 200 * SECOND, true);
        assert_eq!(bob.messages.len() > 100, messages > 0);
        for person in [&alice, &bob] {
            let rates = rates();
            for (stream, rate) in
                [(Stream::Payload, rates.lambda_p), (Stream::Loop, rates.lambda_l), (Stream::Drop, rates.lambda_d)]
            {
                // Beyond 1.95 is one in a thousand (Smirnov).
                let distance = distance(&person.sent[&stream], rate);
                assert!(distance < 1.95, "{stream:?}, {messages} messages: {distance}");
            }
            let periods: Vec<u64> = person.pulls.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(periods.iter().all(|period| period.abs_diff(SECOND / 2) < 1000), "{periods:?}");
            assert_eq!(person.attacks, 0);
            let together = person.sent.values().map(Vec::len).sum::<usize>() as f64 / person.rounds as f64;
            assert!(if ahead > 0 { together > 1.8 } else { together < 1.01 }, "{together} at a time");
        }
    }
}

/// What is handed out ahead has not left yet.
#[test]
fn a_client_is_idle_when_its_last_packet_has_left() {
    let mut network = Network::new(4, rates());
    let (mut alice, bob) = (network.person("p3"), network.person("p4"));
    let (routes, rng) = (network.routes.clone(), &mut network.rng);
    alice.core.connected(0, 2 * SECOND, &routes, rng);
    submit(&mut alice, &bob, b"last", &mut ChaCha8Rng::seed_from_u64(4));
    let mut payload = None;
    while payload.is_none() {
        let now = alice.core.next();
        alice.core.pull(now);
        alice.core.prepare(now, &routes, rng);
        alice.core.fire(now, &routes, rng, |at, stream, _| {
            payload = payload.or((stream == Stream::Payload).then_some((now, at)));
        });
    }
    let (now, at) = payload.unwrap();
    assert!(now < at && !alice.core.is_idle(now) && !alice.core.is_idle(at - 1) && alice.core.is_idle(at));
}

/// Cover traffic is built ahead; a packet for another epoch's keys than the others would show that it was.
#[test]
fn all_packets_are_for_the_keys_of_the_epoch() {
    let mut network = Network::new(3, rates());
    let (mut alice, bob) = (network.person("p3"), network.person("p4"));
    let routes = |epoch| Routes::new(Arc::clone(network.routes.directory()), epoch).unwrap();
    let rng = &mut network.rng;
    alice.core.connected(0, network.ahead, &routes(0), rng);
    alice.core.prepare(0, &routes(0), rng);
    for epoch in 0..3 {
        let (mut seen, mut sent) = (Vec::new(), 0);
        // Fewer than are built at once: some of those of the epoch before are left.
        while sent < 12 {
            let now = alice.core.next();
            alice.core.pull(now);
            alice.core.prepare(now, &routes(epoch), rng);
            alice.core.fire(now, &routes(epoch), rng, |_, _, packet| {
                seen.push(packet[1]);
                sent += 1;
            });
        }
        // What the user sends may be ready when the next epoch begins.
        submit(&mut alice, &bob, b"ready", rng);
        alice.core.prepare(alice.core.next(), &routes(epoch), rng);
        assert!(seen.iter().all(|byte| u64::from(*byte) == epoch), "{seen:?} in epoch {epoch}");
    }
}
