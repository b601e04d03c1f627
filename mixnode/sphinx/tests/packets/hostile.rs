//! Packets that somebody made or changed.

use std::time::Duration;

use curve25519_dalek::constants::EIGHT_TORSION;
use mimiq_sphinx::{
    BuildError, Destination, Geometry, GeometryError, KeyError, Malformed, NodeKey, Order, PublicKey, Unwrapper, build,
    build_batch, payload,
};
use proptest::prelude::*;

use crate::setup::{EPOCH, Path, message, one, rng};

fn inbox() -> Destination {
    Destination::Inbox { recipient: [3; 16], id: [4; 16] }
}

/// Every bit of every byte of the header counts.
#[test]
fn a_tagged_header_is_refused() {
    let path = Path::new(Geometry::default(), 5, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    let unwrapper = path.unwrapper(0);
    for at in 0..path.geometry.header_len() {
        for bit in 0..8 {
            let mut tagged = packet.clone();
            tagged[at] ^= 1 << bit;
            let refused = one(&unwrapper, &mut tagged).unwrap_err();
            let expected = match at {
                0 => Malformed::Version(tagged[0]),
                33 if bit == 7 => Malformed::NotCanonical,
                _ => Malformed::Code,
            };
            assert_eq!(refused, expected, "byte {at}, bit {bit}");
        }
    }
}

/// A changed payload arrives, and tells nothing: half of its bits have changed, wherever the change was.
#[test]
fn a_tagged_payload_becomes_random() {
    let path = Path::new(Geometry::default(), 3, 1);
    let sent = message(&path.geometry);
    let packet = path.build(&inbox(), &sent, 2);
    for at in path.geometry.header_len()..packet.len() {
        let mut tagged = packet.clone();
        tagged[at] ^= 0x10;
        for hop in 0..3 {
            one(&path.unwrapper(hop), &mut tagged).unwrap();
        }
        let arrived = payload(&path.geometry, &tagged);
        let changed: u32 = arrived.iter().zip(&sent).map(|(a, b)| (a ^ b).count_ones()).sum();
        // 7,208 fair bits: 42 is the standard deviation.
        assert!((3604 - 300..3604 + 300).contains(&changed), "byte {at}: {changed} bits changed");
        let same = arrived.chunks(32).zip(sent.chunks(32)).filter(|(a, b)| a == b).count();
        assert_eq!(same, 0, "byte {at}");
    }
}

#[test]
fn points_of_small_order_are_refused() {
    let path = Path::new(Geometry::default(), 1, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    for point in EIGHT_TORSION {
        let mut packet = packet.clone();
        packet[2..34].copy_from_slice(point.to_montgomery().as_bytes());
        assert_eq!(one(&path.unwrapper(0), &mut packet), Err(Malformed::SmallOrder));
        let key = NodeKey::new(PublicKey::from(point.to_montgomery().to_bytes()));
        assert!(matches!(key, Err(KeyError::Torsion | KeyError::NotOnCurve)), "{key:?}");
    }
}

#[test]
fn points_that_are_not_canonical_are_refused() {
    let path = Path::new(Geometry::default(), 1, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    for low in 0xed..=0xff {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (low, 0x7f);
        let mut packet = packet.clone();
        packet[2..34].copy_from_slice(&point);
        assert_eq!(one(&path.unwrapper(0), &mut packet), Err(Malformed::NotCanonical));
        assert!(matches!(NodeKey::new(PublicKey::from(point)), Err(KeyError::NotCanonical)));
    }
    assert!(matches!(NodeKey::new(PublicKey::from([0xff; 32])), Err(KeyError::NotCanonical)));
}

/// A point of small order that is added to α is gone at the next hop.
#[test]
fn torsion_is_not_carried_on() {
    let path = Path::new(Geometry::default(), 3, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    let mut plain = packet.clone();
    let expected = one(&path.unwrapper(0), &mut plain).unwrap();
    let alpha = curve25519_dalek::montgomery::MontgomeryPoint(packet[2..34].try_into().unwrap()).to_edwards(0).unwrap();
    for torsion in EIGHT_TORSION {
        let mut moved = packet.clone();
        moved[2..34].copy_from_slice((alpha + torsion).to_montgomery().as_bytes());
        // The clamped secret kills it: the same packet, with the same replay tag.
        assert_eq!(one(&path.unwrapper(0), &mut moved), Ok(expected));
        assert_eq!(moved, plain);
    }
}

#[test]
fn other_lengths_are_refused() {
    let path = Path::new(Geometry::default(), 2, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    for length in (0..packet.len()).chain(packet.len() + 1..packet.len() + 40) {
        let mut other = packet.clone();
        other.resize(length, 0);
        assert_eq!(one(&path.unwrapper(0), &mut other), Err(Malformed::Length(length)));
        assert_eq!(payload(&path.geometry, &other).len(), length.saturating_sub(path.geometry.header_len()));
    }
}

#[test]
fn a_packet_for_another_node_or_epoch_is_refused() {
    let path = Path::new(Geometry::default(), 2, 1);
    let mut packet = path.build(&inbox(), &message(&path.geometry), 2);
    assert_eq!(one(&path.unwrapper(1), &mut packet.clone()), Err(Malformed::Code));
    packet[1] = EPOCH + 1;
    assert_eq!(one(&path.unwrapper(0), &mut packet), Err(Malformed::Code));
}

/// A header that arrives twice has the same tag; another of the same path has not.
#[test]
fn a_replay_has_the_same_tag() {
    let path = Path::new(Geometry::default(), 2, 1);
    let packet = path.build(&inbox(), &message(&path.geometry), 2);
    let mut other_payload = packet.clone();
    other_payload[500] ^= 1;
    let tag = |packet: &[u8]| one(&path.unwrapper(0), &mut packet.to_vec()).unwrap().tag;
    assert_eq!(tag(&packet), tag(&other_payload));
    assert_ne!(tag(&packet), tag(&path.build(&inbox(), &message(&path.geometry), 3)));
}

#[test]
fn what_cannot_be_built_is_said() {
    let path = Path::new(Geometry::default(), 5, 1);
    let (geometry, hops) = (path.geometry, path.hops());
    let (sent, mut packet) = (message(&geometry), vec![0; geometry.packet_len()]);
    let mut attempt = |hops: &[_], payload: &[u8], length: usize| {
        build(&geometry, EPOCH, hops, &inbox(), payload, &mut rng(1), &mut packet[..length])
    };
    assert_eq!(attempt(&[], &sent, 1136), Err(BuildError::Path { hops: 0, most: 5 }));
    assert_eq!(attempt(&[&hops[..], &hops[..1]].concat(), &sent, 1136), Err(BuildError::Path { hops: 6, most: 5 }));
    assert_eq!(attempt(&hops, &sent[1..], 1136), Err(BuildError::Payload { length: 900, wanted: 901 }));
    assert_eq!(attempt(&hops, &sent, 1135), Err(BuildError::Packet { length: 1135, wanted: 1136 }));
    let mut slow = hops.clone();
    slow[2].delay = Duration::from_secs(5000);
    assert_eq!(attempt(&slow, &sent, 1136), Err(BuildError::Delay(slow[2].delay)));
    assert_eq!(attempt(&hops, &sent, 1136), Ok(()));
    for (hops, payload, expected) in [
        (0, 901, GeometryError::Hops(0)),
        (11, 901, GeometryError::Hops(11)),
        (5, 63, GeometryError::Payload(63)),
        (5, 60_001, GeometryError::Payload(60_001)),
    ] {
        assert_eq!(Geometry::new(hops, payload), Err(expected));
    }
    assert_eq!(geometry.packet_len(), 1136, "fits a QUIC datagram at the smallest MTU");
}

/// One order of a batch that does not fit, and none is built: not even drawn, within its group.
#[test]
fn what_cannot_be_built_spoils_its_batch() {
    let path = Path::new(Geometry::default(), 5, 1);
    let (geometry, hops) = (path.geometry, path.hops());
    let sent = message(&geometry);
    let good = Order { epoch: EPOCH, path: &hops, destination: inbox(), payload: Some(&sent) };
    let mut slow = hops.clone();
    slow[4].delay = Duration::from_secs(5000);
    let long = [&hops[..], &hops[..1]].concat();
    for (bad, expected) in [
        (Order { path: &[], ..good }, BuildError::Path { hops: 0, most: 5 }),
        (Order { path: &long, ..good }, BuildError::Path { hops: 6, most: 5 }),
        (Order { path: &slow, ..good }, BuildError::Delay(Duration::from_secs(5000))),
        (Order { payload: Some(&sent[1..]), ..good }, BuildError::Payload { length: 900, wanted: 901 }),
    ] {
        let mut orders = [good; 5];
        orders[3] = bad;
        let mut buffers = vec![vec![0; geometry.packet_len()]; 5];
        let mut packets: Vec<&mut [u8]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        let mut drawn = rng(1);
        assert_eq!(build_batch(&geometry, &orders, &mut drawn, &mut packets), Err(expected));
        assert_eq!(drawn, rng(1));
        assert!(buffers.iter().flatten().all(|byte| *byte == 0));
    }
    let mut buffers = [vec![0; geometry.packet_len()], vec![0; geometry.packet_len() + 1]];
    let [first, second] = &mut buffers;
    let attempt = |orders: &[_], packets: &mut [&mut [u8]]| build_batch(&geometry, orders, &mut rng(1), packets);
    assert_eq!(attempt(&[good; 2], &mut [&mut *first]), Err(BuildError::Packets { orders: 2, packets: 1 }));
    assert_eq!(attempt(&[good; 2], &mut [first, second]), Err(BuildError::Packet { length: 1137, wanted: 1136 }));
}

/// How many random packets are tried: `MIMIQ_FUZZ`, or a thousand.
fn cases() -> u32 {
    std::env::var("MIMIQ_FUZZ").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever arrives: it is refused, or it was built. `MIMIQ_FUZZ=1000000` looks for longer.
    #[test]
    fn garbage_is_refused(
        changes in proptest::collection::vec((0..1136usize, any::<u8>()), 0..4), cut in 0..=1136usize, whole: bool,
    ) {
        thread_local!(static PATH: (Unwrapper, Vec<u8>) = {
            let path = Path::new(Geometry::default(), 4, 1);
            (path.unwrapper(0), path.build(&inbox(), &message(&path.geometry), 2))
        });
        PATH.with(|(unwrapper, packet)| {
            let mut changed = packet.clone();
            for (at, byte) in changes {
                changed[at] = byte;
            }
            if !whole {
                changed.truncate(cut);
            }
            let header = changed.len() == packet.len() && changed[..235] == packet[..235];
            prop_assert_eq!(one(unwrapper, &mut changed).is_ok(), header);
            Ok(())
        })?;
    }

    #[test]
    fn noise_is_refused(mut noise in proptest::collection::vec(any::<u8>(), 1136)) {
        let path = Path::new(Geometry::default(), 1, 1);
        noise[0] = 1;
        prop_assert!(one(&path.unwrapper(0), &mut noise).is_err());
    }
}
