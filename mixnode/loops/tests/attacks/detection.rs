//! Detection in a simulated network. The whole table: `cargo run --release -p mimiq-loops --example detection`.

use std::time::Duration;

use mimiq_loops::{Attack as Kind, Config, Element, Ledger, Report, State};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::network::{Attack, node, watch};

const RUNS: u64 = 40;
const FROM: u64 = 500;

fn kind(report: &Report) -> Option<Kind> {
    if let State::Attacked { kind, .. } = report.state { Some(kind) } else { None }
}

/// The median of loops until the alarm, and in how many of the runs the first suspect is the culprit, or it is among the suspects.
fn detect(attack: Attack, loss: f64, kind_of: Kind) -> (u64, u64, u64) {
    let (mut loops, mut first, mut among) = (Vec::new(), 0, 0);
    for seed in 0..RUNS {
        let watched = watch(seed, FROM + 20_000, loss, Some(attack), FROM, true);
        let (delay, _) = watched.alarm.unwrap_or_else(|| panic!("{attack:?}, seed {seed}: not noticed"));
        loops.push(delay);
        let report = watched.ledger.report();
        first += u64::from(report.suspects[0].element == attack.at);
        among += u64::from(report.suspects.iter().any(|suspect| suspect.element == attack.at));
        assert!(report.cover > 3.99, "cover traffic is raised");
        if attack.delay.is_none() {
            assert_eq!(self::kind(&report), Some(kind_of));
        }
        let State::Attacked { alarmed, .. } = report.state else { panic!("{:?}", report.state) };
        assert!(alarmed.contains(&report.suspects[0].element) || alarmed.contains(&attack.at), "{alarmed:?}");
    }
    loops.sort_unstable();
    (loops[loops.len() / 2], first, among)
}

#[test]
fn a_mix_that_lets_one_packet_through_is_noticed_at_once() {
    // (n−1): nothing but the target enters mix 3, through which every other loop goes.
    let attack = Attack { at: Element::Node(node(3)), share: 1.0, delay: None };
    let (loops, first, among) = detect(attack, 0.02, Kind::Blocked);
    assert!(loops <= 40, "{loops}");
    assert!(first >= RUNS * 3 / 4 && among == RUNS, "{first}, {among} of {RUNS}");
    // At the mix itself all of its loops fail.
    let attack = Attack { at: Element::Node(node(1)), share: 1.0, delay: None };
    assert!(detect(attack, 0.02, Kind::Blocked).0 <= 15);
}

#[test]
fn a_blocked_link_is_noticed_and_found() {
    // A quarter of the loops.
    let attack = Attack { at: Element::Link(node(3), node(5)), share: 1.0, delay: None };
    let (loops, first, among) = detect(attack, 0.02, Kind::Blocked);
    assert!(loops <= 250, "{loops}");
    assert!(first >= RUNS * 3 / 4 && among >= RUNS - 1, "{first}, {among} of {RUNS}");
}

/// A tenth of all loops fails, which says nothing: those through the mix say it.
#[test]
fn a_fifth_dropped_at_another_mix_is_noticed_and_found() {
    let attack = Attack { at: Element::Node(node(3)), share: 0.2, delay: None };
    let (loops, first, among) = detect(attack, 0.02, Kind::Blocked);
    assert!(loops <= 350, "{loops}");
    assert!(first >= RUNS * 3 / 4 && among >= RUNS - 2, "{first}, {among} of {RUNS}");
}

#[test]
fn delayed_packets_are_noticed() {
    let attack = Attack { at: Element::Node(node(5)), share: 1.0, delay: Some(2.0) };
    let (loops, first, _) = detect(attack, 0.0, Kind::Delayed);
    assert!(loops <= 40 && first >= RUNS * 3 / 4, "{loops}, {first}");
    // What is late is told from what is lost, once it has arrived.
    let watched = watch(1, FROM + 100, 0.0, Some(attack), FROM, false);
    assert_eq!(kind(&watched.ledger.report()), Some(Kind::Delayed));
}

/// 200,000 loops with as much loss as is honest, over two days with one a second: a mean of 31.5 million until a false alarm.
#[test]
fn an_honest_network_does_not_alarm() {
    for (seed, loss) in [(1, 0.0), (2, 0.01), (3, 0.05)] {
        let watched = watch(seed, 200_000, loss, None, 0, false);
        assert_eq!(watched.alarms, 0, "loss {loss}");
        let report = watched.ledger.report();
        assert_eq!((&report.state, report.late), (&State::Healthy, 0));
        let lost = report.failed as f64 / report.sent as f64;
        assert!((lost - loss).abs() < 0.003, "{lost}");
    }
}

/// With a false alarm in a thousand loops asked for, so that there are some: all tests together raise no more, of many nodes or of few.
#[test]
fn false_alarms_are_as_rare_as_asked() {
    const LOOPS: u64 = 200_000;
    for layer in [2, 20] {
        let config = Config { between_false_alarms: 1000.0, ..Config::default() };
        let (mut ledger, mut rng) = (Ledger::new(config).unwrap(), ChaCha8Rng::seed_from_u64(layer));
        let (mut alarms, mut before) = (0, false);
        for number in 0..LOOPS {
            let now = Duration::from_secs(number);
            let mut hop = |first: u64| node((first + rng.random_range(0..layer)) as u8);
            let (path, mut id) = ([node(1), hop(50), hop(100), hop(150), node(1)], [0; 16]);
            id[..8].copy_from_slice(&number.to_le_bytes());
            ledger.sent(id, &path, now, Duration::ZERO);
            if !rng.random_bool(0.05) {
                ledger.returned(id, now);
            }
            ledger.advance(now);
            alarms += u64::from(ledger.is_alarmed() && !before);
            before = ledger.is_alarmed();
        }
        assert!((1..=LOOPS / 1000).contains(&alarms), "{alarms} with {layer} mixes a layer");
    }
}

/// Who blocks less than the threshold leaves room for: the paper's stealthy attacker (§4.2.1). It is noticed late, if ever.
#[test]
fn a_stealthy_attack_is_slow_to_be_noticed() {
    let attack = Attack { at: Element::Node(node(1)), share: 0.08, delay: None };
    let noticed = (0..10).filter(|seed| watch(*seed, 3_000, 0.0, Some(attack), 0, true).alarm.is_some()).count();
    assert!(noticed <= 2, "{noticed} of 10");
}
