//! Which keys are there when.

use mimiq_directory::{Epochs, KeyRing, Schedule, ScheduleError};
use mimiq_sphinx::SecretKey;
use proptest::prelude::*;

use crate::setup::{EPOCHS, rng};

fn schedule(grace: u64) -> Schedule {
    Schedule::new(EPOCHS, grace).unwrap()
}

fn start(epoch: u64) -> u64 {
    EPOCHS.start(epoch).unwrap()
}

fn advance(ring: &mut KeyRing, schedule: &Schedule, now: u64) {
    ring.expire(schedule, now);
    for epoch in ring.missing(schedule, now) {
        ring.add(epoch, SecretKey::generate(&mut rng(epoch)));
    }
}

fn accepted(ring: &KeyRing, schedule: &Schedule, now: u64) -> Vec<u64> {
    ring.accepted(schedule, now).map(|(epoch, _)| epoch).collect()
}

#[test]
fn schedules_must_make_sense() {
    let refused = Schedule::new(Epochs { length: 0, ..EPOCHS }, 0);
    assert_eq!(refused, Err(ScheduleError::Length));
    assert_eq!(Schedule::new(EPOCHS, 3_601), Err(ScheduleError::Grace { grace: 3_601, length: 3_600 }));
    assert!(Schedule::new(EPOCHS, 3_600).is_ok());
}

#[test]
fn keys_are_made_ahead_and_go_after_their_grace() {
    let (schedule, mut ring) = (schedule(600), KeyRing::default());
    advance(&mut ring, &schedule, start(10) + 5);
    assert_eq!(ring.epochs().collect::<Vec<_>>(), [10, 11]);
    let next = ring.published(&schedule, start(10) + 5)[1];
    advance(&mut ring, &schedule, start(11));
    assert_eq!(ring.published(&schedule, start(11))[0], next, "the key that was published before");
    assert_eq!(accepted(&ring, &schedule, start(11) + 599), [10, 11, 12]);
    // Past its grace it does not count, though nobody has come to destroy it.
    assert_eq!(accepted(&ring, &schedule, start(11) + 600), [11, 12]);
    assert_eq!(ring.epochs().collect::<Vec<_>>(), [10, 11, 12]);
    advance(&mut ring, &schedule, start(11) + 600);
    assert_eq!(ring.epochs().collect::<Vec<_>>(), [11, 12]);
}

#[test]
fn a_key_that_is_there_stays() {
    let (schedule, mut ring) = (schedule(600), KeyRing::default());
    advance(&mut ring, &schedule, start(10));
    let before = ring.published(&schedule, start(10));
    ring.add(10, SecretKey::generate(&mut rng(99)));
    assert_eq!(ring.published(&schedule, start(10)), before);
}

#[test]
fn before_the_first_epoch_its_key_is_ready() {
    let (schedule, mut ring) = (schedule(600), KeyRing::default());
    advance(&mut ring, &schedule, EPOCHS.genesis - 100);
    assert_eq!(accepted(&ring, &schedule, EPOCHS.genesis - 100), [0]);
}

/// A clock that is set back a little, over the start of an epoch, costs no key that others know.
#[test]
fn a_clock_set_back_costs_no_published_key() {
    let (schedule, mut ring) = (schedule(600), KeyRing::default());
    advance(&mut ring, &schedule, start(10));
    advance(&mut ring, &schedule, start(11));
    let before = ring.published(&schedule, start(11));
    advance(&mut ring, &schedule, start(11) - 60);
    assert_eq!(accepted(&ring, &schedule, start(11) - 60), [10, 11]);
    advance(&mut ring, &schedule, start(11) + 1);
    assert_eq!(ring.published(&schedule, start(11) + 1), before);
}

proptest! {
    /// However rarely it is brought up to date, and wherever the clock jumps.
    #[test]
    fn nothing_counts_outside_its_time(grace in 0..=3_600u64, times in proptest::collection::vec(0..40_000u64, 1..20)) {
        let (schedule, mut ring) = (schedule(grace), KeyRing::default());
        for now in times.into_iter().map(|time| EPOCHS.genesis + time) {
            for epoch in accepted(&ring, &schedule, now) {
                prop_assert!(now < start(epoch + 1) + grace && now + EPOCHS.length >= start(epoch));
            }
            advance(&mut ring, &schedule, now);
            let epoch = EPOCHS.at(now).unwrap();
            prop_assert!(ring.epochs().all(|key| now < start(key + 1) + grace));
            let published: Vec<u64> = ring.published(&schedule, now).iter().map(|key| key.epoch).collect();
            prop_assert_eq!(published, vec![epoch, epoch + 1]);
        }
    }

    #[test]
    fn no_time_is_too_strange(genesis: u64, length in 1..=u64::MAX, now: u64, epoch: u64) {
        let schedule = Schedule::new(Epochs { genesis, length }, length).unwrap();
        let mut ring = KeyRing::default();
        advance(&mut ring, &schedule, now);
        prop_assert!(!accepted(&ring, &schedule, now).is_empty());
        let _ = schedule.is_over(epoch, now);
    }
}
