//! Poisson clocks against the Poisson distribution.

use mimiq_mixing::{Fired, PoissonClock, RateError};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const SECOND: u64 = 1_000_000_000;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Firings in 20,000 intervals of which each expects λ: mean and variance are λ, within five standard errors.
fn poisson(counts: &[u32], lambda: f64) {
    let n = counts.len() as f64;
    let mean = counts.iter().map(|count| f64::from(*count)).sum::<f64>() / n;
    let variance = counts.iter().map(|count| (f64::from(*count) - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - lambda).abs() < 5.0 * (lambda / n).sqrt(), "mean {mean}, not {lambda}");
    let error = ((lambda + 2.0 * lambda * lambda) / n).sqrt();
    assert!((variance - lambda).abs() < 5.0 * error, "variance {variance}, not {lambda}");
}

#[test]
fn counts_are_poisson() {
    for (seed, rate) in [(1, 0.7), (2, 4.0), (3, 300.0)] {
        let mut rng = rng(seed);
        let mut clock = PoissonClock::new(rate, 0, &mut rng).unwrap();
        let counts: Vec<u32> = (1..=20_000).map(|n| clock.fire(n * SECOND, u32::MAX, &mut rng).times).collect();
        poisson(&counts, rate);
    }
}

/// The cover factor goes up and down; each rate has its own counts, whenever it is set.
#[test]
fn the_rate_changes_at_once() {
    let mut rng = rng(4);
    let mut clock = PoissonClock::new(1.0, 0, &mut rng).unwrap();
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for n in 0..20_000 {
        for (rate, half, counts) in [(2.0, 0, &mut slow), (20.0, 1, &mut fast)] {
            let now = n * SECOND + half * SECOND / 2;
            clock.set_rate(rate, now, &mut rng).unwrap();
            counts.push(clock.fire(now + SECOND / 2, u32::MAX, &mut rng).times);
        }
    }
    poisson(&slow, 1.0);
    poisson(&fast, 10.0);
}

#[test]
fn setting_the_rate_often_stalls_nothing() {
    let mut rng = rng(5);
    let mut clock = PoissonClock::new(5.0, 0, &mut rng).unwrap();
    let mut counts = vec![0; 20_000];
    for tick in 0..counts.len() * 100 {
        let now = tick as u64 * (SECOND / 100);
        clock.set_rate(5.0, now, &mut rng).unwrap();
        counts[tick / 100] += clock.fire(now + SECOND / 100 - 1, u32::MAX, &mut rng).times;
    }
    poisson(&counts, 5.0);
}

#[test]
fn what_is_due_stays_due() {
    let mut rng = rng(6);
    let mut clock = PoissonClock::new(1000.0, 0, &mut rng).unwrap();
    let due = clock.next();
    clock.set_rate(0.0, due, &mut rng).unwrap();
    assert_eq!(clock.next(), due);
    assert_eq!(clock.fire(due, 9, &mut rng), Fired { times: 1, behind: false });
    assert_eq!(clock.next(), u64::MAX, "it has stopped");
    assert_eq!(clock.fire(u64::MAX, 9, &mut rng), Fired { times: 0, behind: false });
}

#[test]
fn a_pause_makes_no_burst() {
    let mut rng = rng(7);
    let mut clock = PoissonClock::new(100.0, 0, &mut rng).unwrap();
    assert_eq!(clock.fire(3600 * SECOND, 10, &mut rng), Fired { times: 10, behind: true });
    assert!(clock.next() > 3600 * SECOND);
    assert_eq!(clock.fire(3600 * SECOND, 10, &mut rng), Fired { times: 0, behind: false });
}

#[test]
fn rates_that_are_none_are_refused() {
    let mut rng = rng(8);
    for rate in [-1.0, f64::NAN, f64::INFINITY, 1_000_000.5] {
        assert!(PoissonClock::new(rate, 0, &mut rng).is_err(), "{rate}");
    }
    let mut clock = PoissonClock::new(1.0, 0, &mut rng).unwrap();
    let next = clock.next();
    assert_eq!(clock.set_rate(-1.0, 0, &mut rng), Err(RateError(-1.0)));
    assert_eq!(clock.next(), next);
    assert!(RateError(-1.0).to_string().contains("rate -1: not from 0 to 1000000 per second"));
}

proptest! {
    /// How often it is asked changes nothing of when it fires.
    #[test]
    fn late_calls_do_not_drift(seed: u64, gaps in proptest::collection::vec(1..2 * SECOND, 1..30)) {
        let (mut a, mut b) = (rng(seed), rng(seed));
        let mut often = PoissonClock::new(3.0, 0, &mut a).unwrap();
        let mut once = PoissonClock::new(3.0, 0, &mut b).unwrap();
        let (mut now, mut times) = (0, 0);
        for gap in gaps {
            now += gap;
            times += often.fire(now, u32::MAX, &mut a).times;
        }
        prop_assert_eq!(once.fire(now, u32::MAX, &mut b).times, times);
        prop_assert_eq!(once.next(), often.next());
        prop_assert!(once.next() > now);
    }

    #[test]
    fn no_rate_and_no_time_panics(rate in prop_oneof![0.0..1e6, Just(f64::MIN_POSITIVE), Just(1e6)], start: u64, now: u64, most in 0..50u32) {
        let mut rng = rng(1);
        let mut clock = PoissonClock::new(rate, start, &mut rng).unwrap();
        let fired = clock.fire(now, most, &mut rng);
        prop_assert!(fired.times <= most);
        prop_assert!(clock.next() > now || clock.next() == u64::MAX);
    }
}
