//! The fast code agrees with the model, for all shapes of paths and batches.

use std::collections::HashSet;
use std::time::Duration;

use mimiq_sphinx::{Action, Destination, Geometry, Malformed, Order, build, build_batch, payload};
use proptest::prelude::*;

use crate::model;
use crate::setup::{EPOCH, Path, message, one, rng};

fn destinations() -> impl Strategy<Value = Destination> {
    prop_oneof![
        (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(recipient, id)| Destination::Inbox { recipient, id }),
        Just(Destination::Drop),
        any::<[u8; 16]>().prop_map(|id| Destination::Loop { id }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn packets_are_the_models(
        (most, hops) in (1..=10usize).prop_flat_map(|most| (Just(most), 1..=most)),
        length in 64..600usize, destination in destinations(), seed: u64,
    ) {
        let geometry = Geometry::new(most, length).unwrap();
        let path = Path::new(geometry, hops, seed);
        let sent = message(&geometry);
        let mut packet = path.build(&destination, &sent, seed);
        prop_assert_eq!(&packet, &model::build(most, EPOCH, &path.model(), &destination, &sent, &mut rng(seed)));
        for hop in 0..hops {
            let expected = model::unwrap(most, *path.nodes[hop].secret.as_bytes(), &packet);
            let found = one(&path.unwrapper(hop), &mut packet);
            let Some((next, tag, micros, action)) = expected else { return Err(TestCaseError::fail("refused by the model")) };
            let found = found.unwrap();
            prop_assert_eq!(packet.len(), geometry.packet_len(), "the same size at every hop");
            prop_assert_eq!((&packet, found.tag, found.action), (&next, tag, action));
            prop_assert_eq!(found.delay, Duration::from_micros(micros.into()));
            prop_assert_eq!(micros, path.nodes[hop].micros);
            match (hop + 1 == hops, action) {
                (false, Action::Relay { next }) => prop_assert_eq!(next, path.nodes[hop + 1].name),
                (true, Action::Deliver { recipient, id }) => {
                    prop_assert_eq!(destination, Destination::Inbox { recipient, id });
                    prop_assert_eq!(payload(&geometry, &packet), &sent);
                }
                (true, Action::Drop) => prop_assert_eq!(destination, Destination::Drop),
                (true, Action::Loop { id }) => prop_assert_eq!(destination, Destination::Loop { id }),
                (_, action) => return Err(TestCaseError::fail(format!("{action:?} at hop {hop} of {hops}"))),
            }
        }
    }

    /// A batch is what would be built one after the other, whatever the lengths of the paths and however many packets there are.
    #[test]
    fn batches_are_built_as_alone(
        shapes in proptest::collection::vec((1..=5usize, destinations(), any::<u8>()), 0..=19), seed: u64,
    ) {
        let geometry = Geometry::default();
        let paths: Vec<Path> = (1..=5).map(|hops| Path::new(geometry, hops, seed ^ hops as u64)).collect();
        let hops: Vec<_> = paths.iter().map(Path::hops).collect();
        let payloads: Vec<Vec<u8>> = (0..shapes.len()).map(|at| vec![at as u8; geometry.payload_len()]).collect();
        let orders: Vec<Order<'_>> = shapes.iter().zip(&payloads).map(|(&(hop, destination, epoch), payload)| {
            Order { epoch, path: &hops[hop - 1], destination, payload: Some(payload) }
        }).collect();
        let mut alone = vec![vec![0; geometry.packet_len()]; orders.len()];
        let mut rng_alone = rng(seed);
        for ((order, payload), packet) in orders.iter().zip(&payloads).zip(&mut alone) {
            let Order { epoch, path, destination, .. } = *order;
            build(&geometry, epoch, path, &destination, payload, &mut rng_alone, packet).unwrap();
        }
        let mut together = vec![vec![9; geometry.packet_len()]; orders.len()];
        let mut rng_together = rng(seed);
        let mut packets: Vec<&mut [u8]> = together.iter_mut().map(Vec::as_mut_slice).collect();
        build_batch(&geometry, &orders, &mut rng_together, &mut packets).unwrap();
        prop_assert_eq!(together, alone);
        prop_assert_eq!(rng_together, rng_alone, "the same was drawn");
    }

    /// A packet without a payload takes the same way, and its payload is random at each hop; those beside it have theirs.
    #[test]
    fn packets_without_a_payload_have_a_random_one(empty in proptest::collection::vec(any::<bool>(), 1..=17), seed: u64) {
        let path = Path::new(Geometry::default(), 5, seed);
        let (geometry, hops, sent) = (path.geometry, path.hops(), message(&path.geometry));
        let destination = Destination::Inbox { recipient: [1; 16], id: [2; 16] };
        let orders: Vec<Order<'_>> = empty.iter().map(|empty| {
            Order { epoch: EPOCH, path: &hops, destination, payload: (!empty).then_some(&sent) }
        }).collect();
        let mut packets = vec![vec![0; geometry.packet_len()]; orders.len()];
        let mut places: Vec<&mut [u8]> = packets.iter_mut().map(Vec::as_mut_slice).collect();
        build_batch(&geometry, &orders, &mut rng(seed), &mut places).unwrap();
        let mut seen = HashSet::new();
        for hop in 0..5 {
            for (packet, empty) in packets.iter_mut().zip(&empty) {
                prop_assert!(seen.insert(payload(&geometry, packet).to_vec()), "no payload twice");
                let (next, tag, micros, action) =
                    model::unwrap(5, *path.nodes[hop].secret.as_bytes(), packet).expect("the model takes it");
                let found = one(&path.unwrapper(hop), packet).unwrap();
                prop_assert_eq!((&*packet, found.tag, found.action), (&next, tag, action));
                prop_assert_eq!(micros, path.nodes[hop].micros);
                let own = payload(&geometry, packet);
                // As many ones as zeros, but for six standard deviations of coins.
                let (ones, bits) = (own.iter().map(|byte| byte.count_ones()).sum::<u32>(), own.len() as u32 * 8);
                let random = f64::from(ones.abs_diff(bits / 2)) < 3.0 * f64::from(bits).sqrt();
                prop_assert!(if hop == 4 && !empty { own == sent } else { random }, "{ones} ones of {bits}");
            }
        }
    }

    /// What is found in a packet does not depend on the others of its batch.
    #[test]
    fn batches_are_their_packets(kinds in proptest::collection::vec(0..6u8, 1..=17), seed: u64) {
        let path = Path::new(Geometry::default(), 2, seed);
        let sent = message(&path.geometry);
        let packets: Vec<Vec<u8>> = kinds.iter().enumerate().map(|(number, kind)| {
            let mut packet = path.build(&Destination::Drop, &sent, seed ^ number as u64);
            match kind {
                0 => packet[0] = 9,
                1 => packet[60] ^= 1,
                2 => packet[2..34].fill(0),
                3 => packet.truncate(800),
                4 => packet[2..34].fill(0xff),
                _ => {}
            }
            packet
        }).collect();
        let unwrapper = path.unwrapper(0);
        let (mut alone, mut together) = (packets.clone(), packets);
        let expected: Vec<_> = alone.iter_mut().map(|packet| one(&unwrapper, packet)).collect();
        let mut results = Vec::new();
        let mut batch: Vec<&mut [u8]> = together.iter_mut().map(Vec::as_mut_slice).collect();
        unwrapper.unwrap_batch(&mut batch, &mut results);
        prop_assert_eq!(&results, &expected);
        for ((kind, result), (together, alone)) in kinds.iter().zip(results).zip(together.iter().zip(&alone)) {
            prop_assert_eq!(together, alone);
            prop_assert_eq!(result.map(|_| ()), match kind {
                0 => Err(Malformed::Version(9)),
                1 => Err(Malformed::Code),
                2 => Err(Malformed::SmallOrder),
                3 => Err(Malformed::Length(800)),
                4 => Err(Malformed::NotCanonical),
                _ => Ok(()),
            });
        }
    }
}

/// The bytes behind the last hop's block are random, so that they do not tell how long the path was.
#[test]
fn the_last_hop_does_not_see_how_long_the_path_was() {
    let geometry = Geometry::default();
    for hops in 1..=4 {
        let path = Path::new(geometry, hops, 5);
        let mut ones = vec![0u32; 37 * 4];
        for seed in 0..400 {
            let mut packet = path.build(&Destination::Drop, &message(&geometry), seed);
            for hop in 0..hops - 1 {
                one(&path.unwrapper(hop), &mut packet).unwrap();
            }
            let secret = *path.nodes[hops - 1].secret.as_bytes();
            let behind = model::behind_block(geometry.hops(), secret, &packet);
            ones.iter_mut().zip(behind).for_each(|(ones, byte)| *ones += byte.count_ones());
        }
        // 3,200 fair bits each: 28 is the standard deviation.
        for ones in ones {
            assert!((1600 - 200..1600 + 200).contains(&ones), "{hops} hops: {ones} of 3200 bits");
        }
    }
}
