//! The ledger's own rules.

use std::time::Duration;

use mimiq_loops::{Attack, Config, Element, Ledger, Outcome};
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
    let mut ledger = Ledger::new(Config::default());
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

/// No loop at all that came back is never taken for health.
#[test]
fn silence_is_an_attack_and_ends() {
    let mut ledger = Ledger::new(Config::default());
    let (mut number, mut now) = (0, Duration::ZERO);
    let mut covers = Vec::new();
    while !ledger.is_alarmed() {
        ledger.sent(id(number), &PATH, now, Duration::ZERO);
        (number, now) = (number + 1, now + SECOND);
        ledger.advance(now);
        covers.push(ledger.report().cover);
    }
    // ln 31.5 million / ln (0.3 / 0.05)
    assert_eq!(number, 10);
    assert!(covers.is_sorted() && covers[0] > 1.0 && covers[9] == 4.0, "{covers:?}");
    let report = ledger.report();
    assert_eq!(report.attack, Some((Attack::Blocked, now)));
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
    assert_eq!((report.attack, report.cover, report.suspects), (None, 1.0, vec![]));
}

#[test]
fn memory_is_bounded() {
    let mut ledger = Ledger::new(Config::default());
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
        (honest_loss, threshold, between_false_alarms, most_cover) in any::<(f64, f64, f64, f64)>(),
    ) {
        let mut ledger = Ledger::new(Config { honest_loss, threshold, between_false_alarms, slack: SECOND, most_cover });
        let (mut now, mut sent, mut away) = (Duration::ZERO, 0, 0u64);
        for (step, number, wait) in steps {
            match step {
                0 => {
                    ledger.sent(id(sent), &PATH, now, Duration::from_millis(wait));
                    sent += 1;
                    away += 1;
                }
                1 => {
                    let failed = ledger.report().failed;
                    let outcome = ledger.returned(id(number), now);
                    away -= ledger.report().failed - failed + u64::from(outcome == Outcome::InTime);
                }
                _ => {
                    now += Duration::from_millis(wait);
                    let failed = ledger.report().failed;
                    ledger.advance(now);
                    away -= ledger.report().failed - failed;
                }
            }
            let report = ledger.report();
            prop_assert_eq!(report.sent, report.in_time + report.failed + away);
            prop_assert!(report.late <= report.failed);
            prop_assert!(report.cover >= 1.0 || report.cover.is_nan() && most_cover.is_nan());
        }
    }
}
