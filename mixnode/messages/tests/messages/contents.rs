//! Fragments and acknowledgements as bytes.

use mimiq_messages::{Acknowledgement, Fragment, FragmentError, MOST_FRAGMENTS, MessageId, Piece};
use mimiq_sphinx::Geometry;
use proptest::prelude::*;

use crate::setup::{body, fragment};

proptest! {
    #[test]
    fn a_fragment_comes_back(message: [u8; 16], index in 0..MOST_FRAGMENTS, with: bool, bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        let (geometry, block) = (Geometry::default(), body(283));
        let piece = Piece { message: MessageId(message), index };
        let sent = Fragment { piece, count: MOST_FRAGMENTS, block: with.then_some(&block), bytes: &bytes };
        let content = sent.encode();
        prop_assert_eq!(Fragment::parse(&content, &geometry), Ok(sent));
    }

    #[test]
    fn any_content_is_read_or_refused(kind in 0..4u8, rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let content = [&[kind][..], &rest].concat();
        if let Ok(fragment) = Fragment::parse(&content, &Geometry::default()) {
            prop_assert_eq!(fragment.encode(), content);
        }
    }

    #[test]
    fn an_acknowledgement_comes_back(message: [u8; 16], index: u16, complete: bool) {
        let geometry = Geometry::default();
        let sent = Acknowledgement { piece: Piece { message: MessageId(message), index }, complete };
        let payload = sent.payload(&geometry);
        prop_assert_eq!(payload.len(), geometry.payload_len());
        prop_assert_eq!(Acknowledgement::parse(&payload), Some(sent));
    }

    #[test]
    fn random_bytes_are_no_acknowledgement(bytes: [u8; 64]) {
        prop_assert_eq!(Acknowledgement::parse(&bytes), None);
    }
}

#[test]
fn the_room_is_what_the_payload_leaves() {
    let geometry = Geometry::default();
    assert_eq!(Fragment::room(&geometry, false), Some(782));
    assert_eq!(Fragment::room(&geometry, true), Some(499));
    let small = Geometry::new(5, 402).unwrap();
    assert_eq!(Fragment::room(&small, true), None);
    assert_eq!(Fragment::room(&small, false), Some(283));
    for with_block in [false, true] {
        let bytes = body(Fragment::room(&geometry, with_block).unwrap());
        let block = body(283);
        let full = Fragment { block: with_block.then_some(&block), ..fragment(1, 0, 1, &bytes) };
        assert_eq!(full.encode().len(), mimiq_messages::capacity(geometry.payload_len()));
    }
}

#[test]
fn what_is_no_fragment_is_refused() {
    let geometry = Geometry::default();
    let parse = |fragment: Fragment<'_>| Fragment::parse(&fragment.encode(), &geometry).map(drop);
    assert_eq!(parse(fragment(1, 0, 0, b"x")), Err(FragmentError::Count(0)));
    assert_eq!(parse(fragment(1, 0, 257, b"x")), Err(FragmentError::Count(257)));
    assert_eq!(parse(fragment(1, 2, 2, b"x")), Err(FragmentError::Index { index: 2, count: 2 }));
    assert_eq!(parse(fragment(1, 0, 2, b"")), Err(FragmentError::Empty(2)));
    assert_eq!(parse(fragment(1, 0, 1, b"")), Ok(()));
    let content = fragment(1, 0, 1, b"").encode();
    for length in 0..content.len() {
        assert_eq!(Fragment::parse(&content[..length], &geometry), Err(FragmentError::Short(length)));
    }
    let unknown = [&[3][..], &content[1..]].concat();
    assert_eq!(Fragment::parse(&unknown, &geometry), Err(FragmentError::Kind(3)));
}

#[test]
fn a_changed_acknowledgement_is_refused() {
    let sent = Acknowledgement { piece: Piece { message: MessageId([7; 16]), index: 3 }, complete: true };
    let payload = sent.payload(&Geometry::default());
    for at in 0..16 {
        let mut changed = payload.clone();
        changed[at] = 1;
        assert_eq!(Acknowledgement::parse(&changed), None);
    }
    let mut flag = payload.clone();
    flag[34] = 2;
    assert_eq!(Acknowledgement::parse(&flag), None);
    assert_eq!(Acknowledgement::parse(&payload[..34]), None);
}
