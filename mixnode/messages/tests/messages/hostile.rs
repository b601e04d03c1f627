//! Senders who want an inbox to fail them or others.

use mimiq_messages::{InboxConfig, InboxError, MOST_BODY, MOST_FRAGMENTS, Outcome, Refused};
use proptest::prelude::*;

use crate::setup::{fragment, inbox};

const FRIEND: [u8; 32] = [1; 32];

fn sender(number: usize) -> [u8; 32] {
    let mut sender = [0xee; 32];
    sender[..8].copy_from_slice(&number.to_be_bytes());
    sender
}

#[test]
fn fragments_that_contradict_are_refused() {
    let mut inbox = inbox(InboxConfig::default());
    inbox.accept(0, &FRIEND, &fragment(1, 0, 3, b"a")).unwrap();
    assert_eq!(inbox.accept(0, &FRIEND, &fragment(1, 1, 2, b"b")), Err(Refused::Count { count: 2, before: 3 }));
    assert_eq!(inbox.accept(0, &FRIEND, &fragment(1, 0, 1, b"b")), Err(Refused::Count { count: 1, before: 3 }));
    // The first of two that differ counts.
    assert_eq!(inbox.accept(0, &FRIEND, &fragment(1, 0, 3, b"x")).unwrap().outcome, Outcome::Duplicate);
    inbox.accept(0, &FRIEND, &fragment(1, 1, 3, b"b")).unwrap();
    let last = inbox.accept(0, &FRIEND, &fragment(1, 2, 3, b"c")).unwrap();
    assert_eq!(last.outcome, Outcome::Complete(b"abc".to_vec()));
}

#[test]
fn a_message_has_a_longest_length() {
    let mut inbox = inbox(InboxConfig::default());
    let half = vec![0; MOST_BODY / 2];
    inbox.accept(0, &FRIEND, &fragment(1, 0, 3, &half)).unwrap();
    inbox.accept(0, &FRIEND, &fragment(1, 1, 3, &half)).unwrap();
    assert_eq!(inbox.accept(0, &FRIEND, &fragment(1, 2, 3, b"x")), Err(Refused::Length(MOST_BODY + 1)));
    let long = vec![0; MOST_BODY + 1];
    assert_eq!(inbox.accept(0, &FRIEND, &fragment(2, 0, 1, &long)), Err(Refused::Length(MOST_BODY + 1)));
}

#[test]
fn one_sender_pushes_out_only_its_own() {
    let config = InboxConfig {
        most_of_sender: 4,
        most_incomplete: 8,
        most_remembered_of_sender: 4,
        most_remembered: 8,
        ..InboxConfig::default()
    };
    let mut inbox = inbox(config);
    inbox.accept(0, &FRIEND, &fragment(1, 0, 2, b"a")).unwrap();
    inbox.accept(0, &FRIEND, &fragment(2, 0, 1, b"whole")).unwrap();
    for message in 0..=255 {
        inbox.accept(1, &sender(0), &fragment(message, 0, 2, b"x")).unwrap();
        inbox.accept(1, &sender(1), &fragment(message, 0, 1, b"x")).unwrap();
    }
    assert_eq!(inbox.snapshot().0.len(), 5);
    assert_eq!(inbox.accept(2, &FRIEND, &fragment(2, 0, 1, b"whole")).unwrap().outcome, Outcome::Duplicate);
    let last = inbox.accept(2, &FRIEND, &fragment(1, 1, 2, b"b")).unwrap();
    assert_eq!(last.outcome, Outcome::Complete(b"ab".to_vec()));
    // Of the flood the latest four are left.
    for (message, outcome) in [(252, Outcome::Duplicate), (251, Outcome::Complete(b"x".to_vec()))] {
        assert_eq!(inbox.accept(2, &sender(1), &fragment(message, 0, 1, b"x")).unwrap().outcome, outcome);
    }
}

#[test]
fn many_senders_push_out_what_is_idle_first() {
    let config = InboxConfig { most_incomplete: 8, most_remembered: 8, ..InboxConfig::default() };
    let mut inbox = inbox(config);
    inbox.accept(0, &FRIEND, &fragment(9, 0, 2, b"idle")).unwrap();
    // A friend's message goes on, if slower than the flood.
    for (index, first) in (0..200).step_by(7).enumerate() {
        inbox.accept(1, &FRIEND, &fragment(1, index as u16, 30, b"a")).unwrap();
        for number in first..first + 7 {
            inbox.accept(1, &sender(number), &fragment(1, 0, 2, b"x")).unwrap();
        }
    }
    let last = inbox.accept(1, &FRIEND, &fragment(1, 29, 30, b"b")).unwrap();
    assert!(matches!(last.outcome, Outcome::Complete(message) if message.len() == 30));
    assert_eq!(inbox.accept(1, &FRIEND, &fragment(9, 0, 2, b"idle")).unwrap().outcome, Outcome::Incomplete);
    for number in 0..100 {
        inbox.accept(2, &sender(number), &fragment(2, 0, 1, b"x")).unwrap();
    }
    assert_eq!(inbox.snapshot().0.len(), 8);
}

#[test]
fn bytes_are_bounded() {
    let config = InboxConfig { most_bytes: MOST_BODY + 256 * 64, ..InboxConfig::default() };
    let mut inbox = inbox(config);
    let half = vec![0; MOST_BODY / 2 + 10_000];
    for number in 0..3 {
        let accepted = inbox.accept(0, &sender(number), &fragment(1, 0, 2, &half)).unwrap();
        assert_eq!(accepted.outcome, Outcome::Incomplete);
    }
    // Only the latest fits.
    assert_eq!(inbox.accept(0, &sender(2), &fragment(1, 0, 2, &half)).unwrap().outcome, Outcome::Duplicate);
    assert_eq!(inbox.accept(0, &sender(1), &fragment(1, 0, 2, &half)).unwrap().outcome, Outcome::Incomplete);
}

#[test]
fn bounds_that_let_nothing_in_are_refused() {
    let refused = |config| mimiq_messages::Inbox::new(config).err();
    let good = InboxConfig::default();
    assert_eq!(refused(InboxConfig { most_of_sender: 0, ..good }), Some(InboxError::Zero("most of sender")));
    assert_eq!(refused(InboxConfig { most_bytes: 81_919, ..good }), Some(InboxError::Bytes(81_919)));
    assert_eq!(refused(InboxConfig { most_bytes: 81_920, ..good }), None);
}

proptest! {
    /// Whatever comes: no panic, and no message is complete twice.
    #[test]
    fn any_fragments(fragments in prop::collection::vec((0..3usize, 0..4u8, 0..5u16, 1..5u16, 0..=2usize, 0..50u64), 0..300)) {
        let config = InboxConfig { most_of_sender: 2, most_incomplete: 3, longest_idle: 20, ..InboxConfig::default() };
        let mut inbox = inbox(config);
        let mut complete = vec![];
        for (from, message, index, count, length, now) in fragments {
            let fragment = fragment(message, index % count, count.min(MOST_FRAGMENTS), &[7; 2][..length]);
            if let Ok(accepted) = inbox.accept(now, &sender(from), &fragment)
                && let Outcome::Complete(_) = accepted.outcome
            {
                prop_assert!(!complete.contains(&(from, message)));
                complete.push((from, message));
            }
        }
    }
}
