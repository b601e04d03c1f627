//! Single-use reply blocks.

use mimiq_sphinx::{Action, BuildError, Destination, Geometry, ReplyError, build_surb, payload, reply};
use proptest::prelude::*;

use crate::setup::{EPOCH, Path, message, one, rng};

fn inbox() -> Destination {
    Destination::Inbox { recipient: [3; 16], id: [4; 16] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_reply_arrives(hops in 1..=5usize, seed: u64) {
        let path = Path::new(Geometry::default(), hops, seed);
        let geometry = path.geometry;
        let (block, keys) = build_surb(&geometry, EPOCH, &path.hops(), &inbox(), &mut rng(seed)).unwrap();
        prop_assert_eq!(block.len(), geometry.surb_len());
        let (sent, mut packet) = (message(&geometry), vec![0; geometry.packet_len()]);
        prop_assert_eq!(reply(&geometry, &block, &sent, &mut packet), Ok(path.nodes[0].name));
        let mut tags = Vec::new();
        for hop in 0..hops {
            let found = one(&path.unwrapper(hop), &mut packet).unwrap();
            tags.push(found.tag);
            let last = Action::Deliver { recipient: [3; 16], id: [4; 16] };
            prop_assert_eq!(found.action == last, hop + 1 == hops);
            prop_assert_ne!(payload(&geometry, &packet), &sent, "the provider does not read it");
        }
        let mut arrived = payload(&geometry, &packet).to_vec();
        keys.open(&mut arrived);
        prop_assert_eq!(&arrived, &sent);

        // A second reply with the block is a replay at its first hop.
        let mut again = vec![0; geometry.packet_len()];
        reply(&geometry, &block, &vec![9; sent.len()], &mut again).unwrap();
        prop_assert_eq!(one(&path.unwrapper(0), &mut again).unwrap().tag, tags[0]);
    }
}

#[test]
fn a_changed_reply_comes_out_random() {
    let path = Path::new(Geometry::default(), 3, 1);
    let geometry = path.geometry;
    let (block, keys) = build_surb(&geometry, EPOCH, &path.hops(), &inbox(), &mut rng(1)).unwrap();
    let (sent, mut packet) = (message(&geometry), vec![0; geometry.packet_len()]);
    reply(&geometry, &block, &sent, &mut packet).unwrap();
    packet[1135] ^= 1;
    for hop in 0..3 {
        one(&path.unwrapper(hop), &mut packet).unwrap();
    }
    let mut arrived = payload(&geometry, &packet).to_vec();
    keys.open(&mut arrived);
    assert!(arrived.chunks(32).zip(sent.chunks(32)).all(|(a, b)| a != b));
}

#[test]
fn other_sizes_are_refused() {
    let path = Path::new(Geometry::default(), 3, 1);
    let geometry = path.geometry;
    let (block, _) = build_surb(&geometry, EPOCH, &path.hops(), &inbox(), &mut rng(1)).unwrap();
    let (sent, mut packet) = (message(&geometry), vec![0; geometry.packet_len()]);
    assert_eq!(reply(&geometry, &block[1..], &sent, &mut packet), Err(ReplyError::Block { length: 282, wanted: 283 }));
    assert_eq!(
        reply(&geometry, &block, &sent[1..], &mut packet),
        Err(BuildError::Payload { length: 900, wanted: 901 }.into())
    );
    assert_eq!(
        reply(&geometry, &block, &sent, &mut packet[1..]),
        Err(BuildError::Packet { length: 1135, wanted: 1136 }.into())
    );
    let path_error = build_surb(&geometry, EPOCH, &[], &inbox(), &mut rng(1)).unwrap_err();
    assert_eq!(path_error, BuildError::Path { hops: 0, most: 5 });
}
