//! Messages put together again.

use mimiq_messages::{
    Acknowledgement, Fragment, InboxConfig, MessageId, Outcome, Piece, Received, Snapshot, SnapshotError,
};
use proptest::prelude::*;
use rand::seq::SliceRandom as _;

use crate::setup::{block, body, fragment, inbox, rng};

const SENDER: [u8; 32] = [1; 32];

proptest! {
    #[test]
    fn any_order_is_the_same_message(length in 2..4000usize, room in 100..600usize, seed: u64) {
        let sent = body(length);
        let chunks: Vec<&[u8]> = sent.chunks(room).collect();
        let count = chunks.len() as u16;
        let mut order: Vec<u16> = (0..count).chain(0..count).collect();
        order.shuffle(&mut rng(seed));
        let mut inbox = inbox(InboxConfig::default());
        let mut seen = vec![];
        let mut messages = vec![];
        for (copy, index) in order.into_iter().enumerate() {
            let fragment = fragment(1, index, count, chunks[usize::from(index)]);
            let accepted = inbox.accept(0, &SENDER, &Fragment { block: Some(&block(copy)), ..fragment }).unwrap();
            let known = seen.contains(&index);
            seen.push(index);
            prop_assert_eq!(accepted.outcome == Outcome::Duplicate, known);
            let piece = Piece { message: MessageId([1; 16]), index };
            if let Outcome::Complete(message) = accepted.outcome {
                messages.push(message);
            }
            let complete = !messages.is_empty();
            prop_assert_eq!(accepted.acknowledgement, Some(Acknowledgement { piece, complete }));
        }
        prop_assert_eq!(messages, vec![sent]);
    }

    #[test]
    fn a_snapshot_comes_back(entries in prop::collection::vec((any::<u64>(), any::<[u8; 32]>(), any::<[u8; 16]>()), 0..20)) {
        let received = |(at, sender, message)| Received { at, sender, message: MessageId(message) };
        let snapshot = Snapshot(entries.into_iter().map(received).collect());
        prop_assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes()), Ok(snapshot));
    }

    #[test]
    fn any_bytes_are_a_snapshot_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(snapshot) = Snapshot::from_bytes(&bytes) {
            prop_assert_eq!(snapshot.to_bytes(), bytes);
        }
    }
}

#[test]
fn a_message_of_one_fragment() {
    let mut inbox = inbox(InboxConfig::default());
    let plain = Fragment { block: None, ..fragment(1, 0, 1, b"") };
    let accepted = inbox.accept(0, &SENDER, &plain).unwrap();
    assert_eq!((accepted.outcome, accepted.acknowledgement), (Outcome::Complete(vec![]), None));
    assert_eq!(inbox.accept(0, &SENDER, &plain).unwrap().outcome, Outcome::Duplicate);
    // The same name from someone else is another message.
    assert_eq!(inbox.accept(0, &[2; 32], &plain).unwrap().outcome, Outcome::Complete(vec![]));
}

#[test]
fn a_restarted_client_shows_no_message_twice() {
    let mut before = inbox(InboxConfig::default());
    before.accept(1000, &SENDER, &fragment(1, 0, 1, b"once")).unwrap();
    before.accept(1001, &SENDER, &fragment(2, 0, 2, b"half")).unwrap();
    let bytes = before.snapshot().to_bytes();
    let mut after = inbox(InboxConfig::default());
    Snapshot::from_bytes(&bytes).unwrap().0.into_iter().for_each(|received| after.remember(received));
    let again = after.accept(1002, &SENDER, &fragment(1, 0, 1, b"once")).unwrap();
    assert_eq!(again.outcome, Outcome::Duplicate);
    assert!(again.acknowledgement.unwrap().complete, "the first may be lost");
    // What was incomplete is lost, and no acknowledgement says otherwise.
    let second = block(1);
    let rest = Fragment { block: Some(&second), ..fragment(2, 1, 2, b"half") };
    let rest = after.accept(1002, &SENDER, &rest).unwrap();
    assert_eq!(rest.outcome, Outcome::Incomplete);
    assert!(!rest.acknowledgement.unwrap().complete);
    let first = after.accept(1003, &SENDER, &fragment(2, 0, 2, b"half")).unwrap();
    assert_eq!(first.outcome, Outcome::Complete(b"halfhalf".to_vec()));
}

/// A provider that hands out a payload again hears nothing of it; a sender who sends a fragment again does, as it comes with another block.
#[test]
fn a_reply_block_is_answered_once() {
    let mut inbox = inbox(InboxConfig::default());
    let mut answer = |index, number| {
        let block = block(number);
        let fragment = Fragment { block: Some(&block), ..fragment(1, index, 2, b"x") };
        inbox.accept(0, &SENDER, &fragment).unwrap().acknowledgement.map(|acknowledgement| acknowledgement.complete)
    };
    assert_eq!([answer(0, 0), answer(0, 0), answer(0, 1)], [Some(false), None, Some(false)]);
    assert_eq!([answer(1, 2), answer(1, 2), answer(0, 1)], [Some(true), None, None]);
    assert_eq!([answer(0, 3), answer(1, 4)], [Some(true); 2]);
}

#[test]
fn names_are_remembered_as_long_as_was_said() {
    let config = InboxConfig { remember_for: 100, ..InboxConfig::default() };
    let mut inbox = inbox(config);
    let whole = fragment(1, 0, 1, b"x");
    inbox.accept(1000, &SENDER, &whole).unwrap();
    assert_eq!(inbox.accept(1099, &SENDER, &whole).unwrap().outcome, Outcome::Duplicate);
    // A clock that is set back forgets nothing.
    assert_eq!(inbox.accept(10, &SENDER, &whole).unwrap().outcome, Outcome::Duplicate);
    assert_eq!(inbox.accept(1100, &SENDER, &whole).unwrap().outcome, Outcome::Complete(b"x".to_vec()));
}

#[test]
fn an_idle_message_is_dropped() {
    let mut inbox = inbox(InboxConfig { longest_idle: 60, ..InboxConfig::default() });
    inbox.accept(0, &SENDER, &fragment(1, 0, 3, b"a")).unwrap();
    inbox.accept(59, &SENDER, &fragment(1, 1, 3, b"b")).unwrap();
    assert_eq!(inbox.accept(118, &SENDER, &fragment(1, 1, 3, b"b")).unwrap().outcome, Outcome::Duplicate);
    assert_eq!(inbox.accept(119, &SENDER, &fragment(1, 1, 3, b"b")).unwrap().outcome, Outcome::Incomplete);
}

#[test]
fn what_is_cut_is_no_snapshot() {
    assert_eq!(Snapshot::from_bytes(&[]), Err(SnapshotError::Version(None)));
    assert_eq!(Snapshot::from_bytes(&[2]), Err(SnapshotError::Version(Some(2))));
    assert_eq!(Snapshot::from_bytes(&[1, 0]), Err(SnapshotError::Length(2)));
    assert_eq!(Snapshot::from_bytes(&[1]), Ok(Snapshot::default()));
}
