//! The ledger's own rules.

use std::time::Duration;

use mimiq_loops::{Attack, Config, ConfigError, Element, Ledger, Outcome, State};
use proptest::prelude::*;

use crate::network::node;

fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    id
}

const PATH: [[u8; 16]; 4] = [[1; 16], [3; 16], [11; 16], [1; 16]];
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_loop_is_in_time_late_or_unknown() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    ledger.sent(id(1), &PATH, SECOND, SECOND);
    ledger.sent(id(2), &PATH, SECOND, SECOND);
    assert_eq!(ledger.next(), Some(Duration::from_millis(2500)), "delays and slack");
    assert_eq!(ledger.returned(id(1), Duration::from_millis(2500)), Outcome::InTime);
    assert_eq!(ledger.returned(id(1), Duration::from_millis(2500)), Outcome::Unknown, "twice");
    assert_eq!(ledger.returned(id(2), Duration::from_millis(2501)), Outcome::Late);
    assert_eq!(ledger.returned(id(2), Duration::from_millis(2502)), Outcome::Unknown, "twice");
    assert_eq!(ledger.returned(id(3), SECOND), Outcome::Unknown, "never sent");
    let report = ledger.report();
    assert_eq!((report.sent, report.in_time, report.late, report.failed), (2, 1, 1, 1));
    assert_eq!(ledger.next(), None);
}

/// Whoever sleeps until then is not woken for loops that are back.
#[test]
fn nobody_waits_for_what_is_back() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    for (number, delay) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        ledger.sent(id(number), &PATH, Duration::ZERO, delay * SECOND);
    }
    // Not the first, so that nothing changes.
    ledger.returned(id(3), SECOND);
    assert_eq!(ledger.next(), Some(Duration::from_millis(1500)));
    ledger.returned(id(1), SECOND);
    assert_eq!(ledger.next(), Some(Duration::from_millis(2500)));
    // Given up: behind it is one that is back.
    ledger.advance(Duration::from_millis(2501));
    assert_eq!(ledger.next(), Some(Duration::from_millis(4500)));
    ledger.returned(id(4), 3 * SECOND);
    assert_eq!(ledger.next(), None);
    assert_eq!(ledger.failed(), 1);
}

/// What its own machine did is not blamed on the network, but no loop is waited for much longer.
#[test]
fn loops_of_who_stood_still_get_more_time() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    for number in 1..=3 {
        ledger.sent(id(number), &PATH, Duration::ZERO, SECOND);
    }
    assert!(!ledger.woken(Duration::from_millis(49)));
    assert_eq!(ledger.next(), Some(Duration::from_millis(1500)));
    assert!(ledger.woken(2 * SECOND));
    assert_eq!(ledger.next(), Some(Duration::from_millis(3500)));
    assert_eq!(ledger.returned(id(1), Duration::from_millis(3500)), Outcome::InTime);
    // Sent afterwards: it has lost nothing.
    ledger.sent(id(4), &PATH, 3 * SECOND, Duration::ZERO);
    assert_eq!(ledger.returned(id(4), Duration::from_millis(3501)), Outcome::Late);
    assert_eq!(ledger.returned(id(2), Duration::from_millis(3501)), Outcome::Late);
    // Who is kept busy all the time waits no longer than five seconds more.
    ledger.sent(id(5), &PATH, 4 * SECOND, SECOND);
    assert!((0..100).all(|_| ledger.woken(SECOND)));
    assert_eq!(ledger.next(), Some(Duration::from_millis(10_500)));
    assert_eq!(ledger.returned(id(5), Duration::from_millis(10_501)), Outcome::Late);
}

/// Who cuts a client's connection cannot end an alarm with it, nor cause one.
#[test]
fn to_begin_again_forgets_what_is_away_and_nothing_else() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    let mut now = Duration::ZERO;
    for number in 0..11 {
        ledger.sent(id(number), &PATH, now, Duration::ZERO);
        now += SECOND;
        ledger.advance(now);
    }
    assert!(ledger.is_alarmed());
    (100..200).for_each(|number| ledger.sent(id(number), &PATH, now, Duration::ZERO));
    ledger.begin_again(2 * SECOND);
    assert_eq!(ledger.next(), None);
    ledger.advance(now + 100 * SECOND);
    assert_eq!(ledger.returned(id(100), now), Outcome::Unknown);
    let report = ledger.report();
    assert_eq!(report.failed, 11);
    assert!(matches!(report.state, State::Attacked { .. }), "{report:?}");
    ledger.sent(id(300), &PATH, now, SECOND);
    assert_eq!(ledger.next(), Some(now + 3 * SECOND));
}

/// No loop at all that came back is never taken for health.
#[test]
fn silence_is_an_attack_and_ends() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    let (mut number, mut now) = (0, Duration::ZERO);
    let mut covers = Vec::new();
    while !ledger.is_alarmed() {
        ledger.sent(id(number), &PATH, now, Duration::ZERO);
        (number, now) = (number + 1, now + SECOND);
        ledger.advance(now);
        covers.push(ledger.report().cover);
    }
    // ln (31.5 million × (three nodes, three links, and all)) / ln (0.3 / 0.05)
    assert_eq!(number, 11);
    assert!(covers.is_sorted() && covers[0] == 1.0 && covers[2] > 1.0 && covers[10] == 4.0, "{covers:?}");
    let report = ledger.report();
    let State::Attacked { kind, since, alarmed } = &report.state else { panic!("{report:?}") };
    assert_eq!((*kind, *since, alarmed.len()), (Attack::Blocked, now, 6));
    assert!(report.suspects.iter().any(|suspect| suspect.element == Element::Node(node(1))), "it may be oneself");
    // They come back again: it ends, but not with the first.
    let begun = number;
    while ledger.is_alarmed() {
        ledger.sent(id(number), &PATH, now, Duration::ZERO);
        ledger.returned(id(number), now);
        (number, now) = (number + 1, now + SECOND);
    }
    assert_eq!(number - begun, 23, "ln 1000 / ln (0.95 / 0.7)");
    let report = ledger.report();
    assert_eq!((report.state, report.cover, report.suspects), (State::Healthy, 1.0, vec![]));
}

/// Nothing is known before loops have come back, or not.
#[test]
fn who_has_not_sent_enough_is_untested() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    for number in 0..11 {
        assert_eq!(ledger.report().state, State::Untested, "{number}");
        ledger.sent(id(number), &PATH, SECOND, SECOND);
        assert_eq!(ledger.report().state, State::Untested, "{number} and one on its way");
        ledger.returned(id(number), SECOND);
    }
    assert_eq!(ledger.report().state, State::Healthy);
}

/// What fails is on one of two paths: its elements raise the alarm, the others and all together do not; and the alarm ends only if loops
/// through them come back.
#[test]
fn an_alarm_is_of_its_elements_alone() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    let other = [[1; 16], [4; 16], [12; 16], [1; 16]];
    let mut number = 0;
    let mut send = |ledger: &mut Ledger, path: &[_], comes: bool| {
        let now = SECOND * number;
        ledger.sent(id(number.into()), path, now, Duration::ZERO);
        if comes {
            ledger.returned(id(number.into()), now);
        }
        number += 1;
        ledger.advance(SECOND * number);
    };
    while !ledger.is_alarmed() {
        send(&mut ledger, &PATH, false);
        (0..19).for_each(|_| send(&mut ledger, &other, true));
    }
    let State::Attacked { alarmed, .. } = ledger.report().state else { panic!("{:?}", ledger.report()) };
    let expected = [
        Element::Node(node(3)),
        Element::Node(node(11)),
        Element::Link(node(1), node(3)),
        Element::Link(node(3), node(11)),
        Element::Link(node(11), node(1)),
    ];
    assert_eq!(alarmed, expected);
    (0..1000).for_each(|_| send(&mut ledger, &other, true));
    assert!(ledger.is_alarmed(), "nothing came from there");
    (0..23).for_each(|_| send(&mut ledger, &PATH, true));
    assert_eq!(ledger.report().state, State::Healthy);
}

/// Who is told of nothing but lost loops keeps saying what it is: late ones of an honest network do not count.
#[test]
fn honest_losses_do_not_make_an_attack_another() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    // One in twenty is late, as in an honest network; then six in twenty get lost.
    for number in 0..2000 {
        let (now, lost) = (SECOND * number, number >= 1000 && number % 20 < 6);
        ledger.sent(id(number.into()), &PATH, now, Duration::ZERO);
        if number % 20 == 19 {
            assert_eq!(ledger.returned(id(number.into()), now + SECOND), Outcome::Late);
        } else if !lost {
            assert_eq!(ledger.returned(id(number.into()), now), Outcome::InTime);
        }
    }
    let state = ledger.report().state;
    assert!(matches!(state, State::Attacked { kind: Attack::Blocked, .. }), "{state:?}");
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let good = Config::default();
    let refused = |config: Config| Ledger::new(config).err().map(|error| error.field);
    assert_eq!(refused(good), None);
    for value in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0] {
        assert_eq!(refused(Config { honest_loss: value, ..good }), Some("honest_loss"), "{value}");
        assert_eq!(refused(Config { threshold: value, ..good }), Some("threshold"), "{value}");
    }
    assert_eq!(refused(Config { threshold: 0.95, ..good }), Some("threshold"), "no more than honest loss");
    for value in [f64::NAN, f64::INFINITY, 1.0, -5.0] {
        assert_eq!(refused(Config { between_false_alarms: value, ..good }), Some("between_false_alarms"), "{value}");
    }
    for value in [f64::NAN, f64::INFINITY, 0.5, 1001.0] {
        assert_eq!(refused(Config { most_cover: value, ..good }), Some("most_cover"), "{value}");
    }
    let error = ConfigError { field: "most_cover", value: 0.5, least: 1.0, most: 1000.0 };
    assert_eq!(Config { most_cover: 0.5, ..good }.check(), Err(error));
    assert_eq!(error.to_string(), "most_cover: 0.5 is not between 1 and 1000");
}

#[test]
fn memory_is_bounded() {
    let mut ledger = Ledger::new(Config::default()).unwrap();
    for number in 0..100_000 {
        ledger.sent(id(number), &PATH, SECOND, SECOND);
    }
    let report = ledger.report();
    assert_eq!((report.sent, report.failed), (100_000, 100_000 - 65_536));
}

proptest! {
    /// Whatever happens in whatever order, and with any configuration: all loops are accounted for.
    #[test]
    fn every_loop_is_in_one_place(
        steps in proptest::collection::vec((0..3u8, 0..40u64, 0..2_000u64), 0..300),
        (honest_loss, room, alarms, most_cover) in (1e-4..0.9, 1e-3..0.999, 2.0..1e15, 1.0..1000.0),
    ) {
        let threshold = 1e-4 + room * (1.0 - honest_loss - 2e-4);
        let config = Config { honest_loss, threshold, between_false_alarms: alarms, slack: SECOND, most_cover };
        let mut ledger = Ledger::new(config).unwrap();
        let (mut now, mut sent, mut away) = (Duration::ZERO, 0, 0u64);
        for (step, number, wait) in steps {
            match step {
                0 => {
                    ledger.sent(id(sent), &PATH, now, Duration::from_millis(wait));
                    sent += 1;
                    away += 1;
                }
                1 => {
                    let failed = ledger.failed();
                    let outcome = ledger.returned(id(number), now);
                    away -= ledger.failed() - failed + u64::from(outcome == Outcome::InTime);
                }
                _ => {
                    now += Duration::from_millis(wait);
                    let failed = ledger.failed();
                    ledger.advance(now);
                    away -= ledger.failed() - failed;
                }
            }
            let report = ledger.report();
            prop_assert_eq!(report.sent, report.in_time + report.failed + away);
            prop_assert!(report.late <= report.failed);
            prop_assert!((1.0..=most_cover).contains(&report.cover));
            // What is asked for with each packet says the same.
            prop_assert_eq!(matches!(report.state, State::Attacked { .. }), ledger.is_alarmed());
            prop_assert_eq!(report.state == State::Untested, ledger.is_untested());
            prop_assert_eq!((report.failed, report.cover), (ledger.failed(), ledger.cover()));
        }
    }
}
