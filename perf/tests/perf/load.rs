//! The generator against a real controller with real switches.

use std::time::Duration;

use mimiq_perf::{report::Second, run::Progress};

use crate::common::{Choice, Network, measure};

/// What all seconds of a report have together.
fn sum(course: &[Second], of: fn(&Second) -> u64) -> u64 {
    course.iter().map(of).sum()
}

#[test]
fn a_closed_loop_gets_what_it_counts() {
    let network = Network::start(Choice::default());
    let (report, said) = measure(&network.options());
    assert!(matches!(said[..2], [Progress::Enrolled(6), Progress::Connected(6)]), "{said:?}");
    assert_eq!((report.connections.made, report.connections.lost), (6, 0));
    let acquire = &report.acquire;
    assert_eq!((acquire.offered, acquire.done, acquire.addresses), (60, 60, 240));
    assert_eq!((acquire.lost, acquire.failed, acquire.malformed, acquire.refused.len()), (0, 0, 0, 0));
    assert_eq!((report.renew.offered, report.release.offered, report.loss), (0, 0, 0.0));
    assert!(report.addresses_per_second > 0.0 && report.seconds < 30.0, "{}", report.seconds);
    let latency = acquire.latency_ms;
    assert!(0.0 < latency.p50 && latency.p50 <= latency.p99 && latency.p99 <= latency.max, "{latency:?}");
    assert_eq!(sum(&report.course, |second| second.addresses), 240);

    // Both relays had clients, and every address has its rules.
    let guards = [0, 1].map(|switch| network.entries(switch, "source_guard_v6"));
    assert!(guards.iter().all(|guards| *guards > 0) && guards.iter().sum::<usize>() == 240, "{guards:?}");
}

#[test]
fn an_open_loop_keeps_to_its_rate_and_gives_back() {
    let network = Network::start(Choice::default());
    let mut options = network.options();
    (options.rate, options.duration, options.requests) = (Some(100.0), Duration::from_secs(2), None);
    options.hold = Some(Duration::from_millis(200));
    let (report, said) = measure(&options);
    assert_eq!((report.acquire.offered, report.acquire.done), (200, 200));
    assert!((report.seconds - 2.0).abs() < 0.5, "{}", report.seconds);
    // Those of the last 200 ms stay.
    assert!((100..200).contains(&report.release.done), "{}", report.release.done);
    assert_eq!(report.release.addresses, 4 * report.release.done);
    let offered = report.course.iter().map(|second| second.offered).collect::<Vec<_>>();
    assert!(offered.len() == 2 && offered.iter().all(|offered| offered.abs_diff(100) <= 1), "{offered:?}");
    assert!(said.iter().any(|said| matches!(said, Progress::Second(second) if second.second == 0)), "{said:?}");
    assert_eq!(report.knee.map(|knee| knee.second), None);
}

#[test]
fn a_ramp_says_how_far_the_server_kept_up() {
    let network = Network::start(Choice::default());
    let mut options = network.options();
    (options.address_rate, options.ramp_to) = (Some(80.0), Some(400.0));
    (options.duration, options.requests) = (Duration::from_secs(2), None);
    let (report, _) = measure(&options);
    assert!(report.acquire.offered.abs_diff(120) <= 1, "{}", report.acquire.offered);
    let knee = report.knee.unwrap();
    assert_eq!((knee.second, knee.unanswered), (1, 0));
    assert!(report.course[0].offered < report.course[1].offered);
}

#[test]
fn refusals_are_counted_by_reason() {
    let network = Network::start(Choice { quota: 6 });
    let mut options = network.options();
    (options.clients, options.requests, options.outstanding) = (2, Some(10), 1);
    let (report, _) = measure(&options);
    assert_eq!((report.acquire.done, report.acquire.addresses), (2, 8));
    assert_eq!(report.acquire.refused.into_iter().collect::<Vec<_>>(), [("QUOTA", 8)]);
    assert!(report.acquire.refusal_latency_ms.max > 0.0);
    assert_eq!((report.loss, sum(&report.course, |second| second.refused)), (0.0, 8));
}

#[test]
fn sets_are_renewed() {
    let network = Network::start(Choice::default());
    let mut options = network.options();
    (options.renew, options.outstanding, options.ipv6, options.ipv4) = (1.0, 1, 3, 1);
    let (report, _) = measure(&options);
    // Each of the six clients needs one set to begin with.
    assert_eq!((report.acquire.done, report.renew.done, report.renew.addresses), (6, 54, 216));
    let guards = |table| [0, 1].iter().map(|switch| network.entries(*switch, table)).sum::<usize>();
    assert_eq!((guards("source_guard_v6"), guards("source_guard_v4")), (18, 6));
}

#[test]
fn a_controller_that_goes_is_seen_and_does_not_stop_the_measurement() {
    let mut network = Network::start(Choice::default());
    let mut options = network.options();
    (options.rate, options.requests) = (Some(100.0), None);
    (options.duration, options.timeout) = (Duration::from_secs(3), Duration::from_millis(200));
    let report = mimiq_perf::run::run(&options, |progress| {
        if matches!(progress, Progress::Second(Second { second: 0, .. })) {
            network.stop_controller();
        }
    });
    let report = report.unwrap();
    assert_eq!((report.acquire.offered, report.connections.lost), (300, 6));
    assert!(report.course[0].done > 90, "{:?}", report.course);
    assert_eq!((report.course[2].done, report.course[2].unanswered), (0, report.course[2].offered));
    assert!(report.loss > 0.3, "{}", report.loss);
}
