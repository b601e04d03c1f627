//! Paths: well-formed, uniform, independent; and packets that take them.

use std::collections::HashMap;
use std::time::Duration;

use mimiq_directory::{Directory, Epochs, Role};
use mimiq_sphinx::{Action, Destination, Hop, NodeKey, SecretKey, Unwrapper, build};

use crate::setup::{NETWORK, NOW, bytes, rng, signed, state, trust};

fn directory() -> Directory {
    trust(2).open(&bytes(&signed(&state(), &[1, 2])), NETWORK, NOW, None).unwrap()
}

/// χ² of counts that should be equal.
fn chi_square(counts: &HashMap<Vec<Option<usize>>, u32>, cells: usize, total: u32) -> f64 {
    let expected = f64::from(total) / cells as f64;
    let seen: f64 = counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    seen + (cells - counts.len()) as f64 * expected
}

#[test]
fn a_clients_paths_are_uniform() {
    let directory = directory();
    let (from, to) = (directory.provider("p0").unwrap(), directory.provider("p3").unwrap());
    let (mut counts, mut rng) = (HashMap::new(), rng(1));
    for _ in 0..8_000 {
        let path = directory.path(from, to, &mut rng);
        let layers: Vec<_> = path.iter().map(|node| node.layer()).collect();
        assert_eq!(layers, [None, Some(1), Some(2), Some(3), None]);
        assert_eq!((path[0], path[4]), (from, to));
        let position = |id| directory.state().nodes.iter().position(|node| node.id() == id);
        *counts.entry(path[1..4].iter().map(|node| position(node.id())).collect()).or_default() += 1;
    }
    // 7 degrees of freedom: more than 24.3 once in a thousand times.
    let chi = chi_square(&counts, 8, 8_000);
    assert!(chi < 24.3, "{chi}");
}

#[test]
fn a_mixs_loops_come_back_by_every_way() {
    let directory = directory();
    for own in directory.state().nodes.iter().filter(|node| node.layer().is_some()) {
        let layer = own.layer().unwrap();
        let expected: Vec<_> =
            (layer + 1..=3).map(Some).chain([None]).chain((1..layer).map(Some)).chain([Some(layer)]).collect();
        let (mut counts, mut rng) = (HashMap::new(), rng(layer as u64));
        for _ in 0..8_000 {
            let path = directory.loop_path(own, &mut rng).unwrap();
            assert_eq!(path.iter().map(|node| node.layer()).collect::<Vec<_>>(), expected);
            assert_eq!(path[path.len() - 1], own);
            let position = |id| directory.state().nodes.iter().position(|node| node.id() == id);
            *counts.entry(path.iter().map(|node| position(node.id())).collect()).or_default() += 1;
        }
        // Two other layers and four providers: 15 degrees of freedom.
        let chi = chi_square(&counts, 16, 8_000);
        assert!(chi < 37.7, "{chi}");
    }
    assert_eq!(directory.loop_path(directory.provider("p0").unwrap(), &mut rng(1)), None);
}

/// Mean and deviation of an exponential distribution are both 1/μ.
#[test]
fn delays_are_exponential() {
    let (directory, mut rng) = (directory(), rng(1));
    let delays: Vec<f64> = (0..100_000).map(|_| directory.delay(&mut rng).as_secs_f64()).collect();
    let mean = delays.iter().sum::<f64>() / 1e5;
    let deviation = (delays.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
    assert!((mean - 0.5).abs() < 0.008 && (deviation - 0.5).abs() < 0.015, "{mean}, {deviation}");
    // Kolmogorov and Smirnov's distance: 1.95/√n is passed once in a thousand times.
    let mut sorted = delays;
    sorted.sort_by(f64::total_cmp);
    let distance =
        sorted.iter().enumerate().map(|(n, delay)| ((n as f64 + 0.5) / 1e5 - (1.0 - (-2.0 * delay).exp())).abs());
    assert!(distance.fold(0.0, f64::max) < 1.95 / 1e5f64.sqrt());
}

#[test]
fn nodes_are_found_by_name() {
    let directory = directory();
    for node in &directory.state().nodes {
        assert_eq!(directory.node(&node.id()), Some(node));
    }
    assert_eq!(directory.node(&[0; 16]), None);
    assert_eq!(directory.providers().count(), 4);
    assert!(directory.provider("p9").is_none());
    let Role::Provider { name, .. } = &directory.random_provider(&mut rng(1)).unwrap().role else { panic!("a mix") };
    assert!(directory.provider(name).is_some());
}

#[test]
fn epochs_follow_each_other() {
    let epochs = Epochs { genesis: 100, length: 10 };
    for (now, epoch) in
        [(99, None), (100, Some(0)), (109, Some(0)), (110, Some(1)), (u64::MAX, Some((u64::MAX - 100) / 10))]
    {
        assert_eq!(epochs.at(now), epoch);
    }
    assert_eq!(Epochs { genesis: 0, length: 0 }.at(5), None);
}

/// A packet built from a directory takes its path: node after node is found by the name in it, and has the key.
#[test]
fn a_packet_takes_its_path() {
    let (directory, mut rng) = (directory(), rng(3));
    let epoch = directory.state().epochs.at(NOW).unwrap();
    let path = directory.path(directory.provider("p1").unwrap(), directory.provider("p2").unwrap(), &mut rng);
    let keys: Vec<NodeKey> = path.iter().map(|node| NodeKey::new(node.key(epoch).unwrap()).unwrap()).collect();
    let hops: Vec<Hop<'_>> =
        path.iter().zip(&keys).map(|(node, key)| Hop { node: node.id(), key, delay: Duration::ZERO }).collect();
    let geometry = directory.geometry();
    let (payload, mut packet) = (vec![1; geometry.payload_len()], vec![0; geometry.packet_len()]);
    build(&geometry, epoch as u8, &hops, &Destination::Drop, &payload, &mut rng, &mut packet).unwrap();
    let mut next = Some(path[0].id());
    while let Some(id) = next {
        let node = directory.node(&id).unwrap();
        // As the test's keys are made.
        let mut secret = node.identity.0;
        secret[1] = epoch as u8;
        let mut results = Vec::new();
        Unwrapper::new(geometry, SecretKey::from_bytes(secret)).unwrap_batch(&mut [&mut packet], &mut results);
        next = match results[0].unwrap().action {
            Action::Relay { next } => Some(next),
            Action::Drop => None,
            other => panic!("{other:?}"),
        };
    }
}
