//! An outbox by itself.

use mimiq_messages::{
    Acknowledgement, Event, Failure, MessageId, Outbox, OutboxConfig, OutboxError, Piece, SubmitError,
};
use mimiq_sphinx::Geometry;

use crate::setup::{CONFIG, SECOND, address, body, outbox, rng};

fn take(outbox: &mut Outbox, now: u64) -> Vec<Piece> {
    std::iter::from_fn(|| outbox.next(now).map(|due| due.piece)).collect()
}

fn acknowledgement(piece: Piece, complete: bool) -> Acknowledgement {
    Acknowledgement { piece, complete }
}

#[test]
fn a_message_is_cut() {
    let (mut outbox, sent) = (outbox(), body(1000));
    let message = outbox.submit(address(1), sent.clone(), true, &mut rng(1)).unwrap();
    let mut bytes: Vec<u8> = vec![];
    for index in 0..3 {
        let due = outbox.next(0).unwrap();
        assert_eq!((due.piece, due.count, due.wants_block), (Piece { message, index }, 3, true));
        assert_eq!(due.to, &address(1));
        bytes.extend(due.bytes);
    }
    assert_eq!(bytes, sent);
    assert_eq!(outbox.next(0), None);
    assert_eq!(outbox.deadline(), None, "nothing was sent yet");
}

#[test]
fn an_empty_message_is_one_fragment() {
    let mut outbox = outbox();
    outbox.submit(address(1), vec![], true, &mut rng(1)).unwrap();
    let due = outbox.next(0).unwrap();
    assert_eq!((due.count, due.bytes), (1, &[][..]));
}

#[test]
fn what_is_not_reliable_is_sent_once() {
    let mut outbox = outbox();
    let id = outbox.submit(address(1), body(1000), false, &mut rng(1)).unwrap();
    let pieces = take(&mut outbox, 0);
    assert_eq!(pieces.len(), 2);
    outbox.sent(1, pieces[1], &mut rng(1));
    outbox.sent(1, pieces[1], &mut rng(1));
    assert_eq!(outbox.event(), None);
    outbox.sent(2, pieces[0], &mut rng(1));
    assert_eq!(outbox.event(), Some(Event::Sent(id)));
    assert_eq!((outbox.event(), outbox.deadline(), outbox.next(u64::MAX)), (None, None, None));
}

#[test]
fn what_could_not_be_sent_is_the_next_again() {
    let mut outbox = outbox();
    outbox.submit(address(1), body(1000), false, &mut rng(1)).unwrap();
    let first = outbox.next(0).unwrap().piece;
    outbox.give_back(first);
    outbox.give_back(first);
    let pieces = take(&mut outbox, 0);
    assert_eq!((pieces.len(), pieces[0]), (2, first));
    outbox.sent(1, first, &mut rng(1));
    outbox.give_back(first);
    assert_eq!(outbox.next(u64::MAX), None, "it was sent");
}

#[test]
fn the_wait_doubles_from_when_it_was_sent() {
    let (mut outbox, mut rng) = (outbox(), rng(2));
    let id = outbox.submit(address(1), body(1), true, &mut rng).unwrap();
    let mut now = 0;
    for attempt in 0..4 {
        let piece = take(&mut outbox, now)[0];
        now += 1000 * SECOND; // in the client's queue
        outbox.sent(now, piece, &mut rng);
        let wait = outbox.deadline().unwrap() - now;
        let least = (10 * SECOND) << attempt;
        assert!((least..=least + least / 2).contains(&wait), "attempt {attempt}: {wait} ns");
        assert_eq!(take(&mut outbox, now + wait - 1), []);
        now += wait;
    }
    outbox.advance(now);
    let failure = Failure::Unanswered { index: 0, attempts: 4 };
    assert_eq!(outbox.event(), Some(Event::Failed(id, failure)));
    assert_eq!((outbox.event(), outbox.deadline(), outbox.next(now)), (None, None, None));
}

#[test]
fn what_is_acknowledged_is_not_sent_again() {
    let (mut outbox, mut rng) = (outbox(), rng(3));
    let id = outbox.submit(address(1), body(1000), true, &mut rng).unwrap();
    let pieces = take(&mut outbox, 0);
    pieces.iter().for_each(|piece| outbox.sent(0, *piece, &mut rng));
    assert!(outbox.acknowledged(pieces[0], &acknowledgement(pieces[0], false)));
    // Another's acknowledgement does not count.
    assert!(!outbox.acknowledged(pieces[1], &acknowledgement(pieces[2], true)));
    assert_eq!(take(&mut outbox, 100 * SECOND).len(), 2);
    // It comes while the second copy waits in the client's queue.
    assert!(outbox.acknowledged(pieces[1], &acknowledgement(pieces[1], false)));
    outbox.sent(100 * SECOND, pieces[1], &mut rng);
    assert_eq!(outbox.deadline(), None);
    outbox.acknowledged(pieces[2], &acknowledgement(pieces[2], true));
    assert_eq!(outbox.event(), Some(Event::Delivered(id)));
    assert!(outbox.acknowledged(pieces[2], &acknowledgement(pieces[2], true)), "late");
    assert_eq!(outbox.event(), None);
}

#[test]
fn a_recipient_that_loses_fragments_gets_all_again() {
    let (mut outbox, mut rng) = (outbox(), rng(4));
    let id = outbox.submit(address(1), body(1000), true, &mut rng).unwrap();
    for _ in 0..4 {
        let pieces = take(&mut outbox, 0);
        assert_eq!(pieces.len(), 3);
        assert_eq!(outbox.event(), None);
        for piece in pieces {
            outbox.sent(0, piece, &mut rng);
            outbox.acknowledged(piece, &acknowledgement(piece, false));
        }
    }
    assert_eq!(outbox.event(), Some(Event::Failed(id, Failure::Lost { attempts: 4 })));
    assert_eq!((outbox.deadline(), outbox.next(u64::MAX)), (None, None));
}

#[test]
fn names_that_nobody_has_change_nothing() {
    let (mut outbox, mut rng) = (outbox(), rng(5));
    let message = outbox.submit(address(1), body(1), true, &mut rng).unwrap();
    for piece in [Piece { message: MessageId([0; 16]), index: 0 }, Piece { message, index: 1 }] {
        outbox.sent(0, piece, &mut rng);
        outbox.acknowledged(piece, &acknowledgement(piece, false));
    }
    assert_eq!(outbox.deadline(), None);
    assert_eq!(take(&mut outbox, 0), [Piece { message, index: 0 }]);
}

#[test]
fn bounds_are_kept_and_said() {
    let (mut outbox, mut rng) = (outbox(), rng(6));
    for reliable in [false, true] {
        let error = outbox.submit(address(1), vec![0; 65_537], reliable, &mut rng).unwrap_err();
        assert_eq!(error, SubmitError::Length { length: 65_537, most: 65_536 });
    }
    for _ in 0..8 {
        outbox.submit(address(1), vec![0; 65_536], true, &mut rng).unwrap();
    }
    assert_eq!(outbox.submit(address(1), vec![], true, &mut rng), Err(SubmitError::Full(8)));
    assert_eq!(take(&mut outbox, 0).len(), 8 * 132);

    // Small payloads: the number of fragments is what limits.
    let small = Geometry::new(5, 403).unwrap();
    let mut outbox = Outbox::new(CONFIG, &small).unwrap();
    let error = outbox.submit(address(1), vec![0; 257], true, &mut rng).unwrap_err();
    assert_eq!(error, SubmitError::Length { length: 257, most: 256 });
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let refused = |config, payload| Outbox::new(config, &Geometry::new(5, payload).unwrap()).err();
    assert_eq!(refused(CONFIG, 402), Some(OutboxError::Payload(402)));
    assert_eq!(refused(OutboxConfig { first_timeout: 0, ..CONFIG }, 901), Some(OutboxError::Timeout));
    assert_eq!(refused(OutboxConfig { most_attempts: 17, ..CONFIG }, 901), Some(OutboxError::Attempts(17)));
    assert_eq!(refused(OutboxConfig { most_messages: 0, ..CONFIG }, 901), Some(OutboxError::Messages));
}
