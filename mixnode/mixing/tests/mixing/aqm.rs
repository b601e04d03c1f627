//! A mix under load, simulated: packets arrive at random times and wait for the one core that unwraps or drops them.

use std::collections::VecDeque;

use mimiq_mixing::Aqm;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1};

const MILLISECOND: u64 = 1_000_000;
const TARGET: u64 = MILLISECOND;
/// 40,000 packets per second.
const UNWRAP: u64 = 25_000;
/// To drop a packet, it must have been received.
const DROP: u64 = 1_000;

struct Simulation {
    rng: ChaCha8Rng,
    aqm: Aqm,
    now: u64,
    arrival: u64,
    input: VecDeque<u64>,
}

#[derive(Default, Debug)]
struct Seen {
    /// Of the packets that were unwrapped, nanoseconds.
    waits: Vec<u64>,
    dropped: usize,
}

impl Seen {
    fn mean(&self) -> f64 {
        self.waits.iter().sum::<u64>() as f64 / self.waits.len() as f64 / TARGET as f64
    }

    fn quantile(&mut self, q: f64) -> f64 {
        self.waits.sort_unstable();
        self.waits[(self.waits.len() as f64 * q) as usize] as f64 / TARGET as f64
    }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, aqm: Aqm::new(TARGET), now: 0, arrival: 0, input: VecDeque::new() }
    }

    /// Goes on for so long, at a load of so many times what can be unwrapped.
    fn run(&mut self, load: f64, time: u64) -> Seen {
        let mut seen = Seen::default();
        let end = self.now + time;
        while self.now < end {
            while self.arrival <= self.now {
                self.input.push_back(self.arrival);
                let gap: f64 = Exp1.sample(&mut self.rng);
                self.arrival += (gap * UNWRAP as f64 / load) as u64;
            }
            let Some(arrived) = self.input.pop_front() else {
                self.now = self.arrival;
                continue;
            };
            if self.aqm.admit(self.now, arrived, &mut self.rng) {
                seen.waits.push(self.now - arrived);
                self.now += UNWRAP;
            } else {
                seen.dropped += 1;
                self.now += DROP;
            }
        }
        seen
    }
}

#[test]
fn nothing_is_dropped_below_the_target() {
    for load in [0.1, 0.5, 0.8] {
        let mut seen = Simulation::new(1).run(load, 5000 * MILLISECOND);
        assert!(seen.quantile(0.999_999) < 1.0, "at load {load} nobody waits for longer than the target");
        assert_eq!(seen.dropped, 0, "at load {load}");
    }
    // Now and then the wait is longer here.
    let seen = Simulation::new(1).run(0.9, 5000 * MILLISECOND);
    assert!(seen.dropped * 1000 < seen.waits.len(), "{} of {} dropped", seen.dropped, seen.waits.len());
}

#[test]
fn overload_settles_near_the_target() {
    for load in [1.2, 2.0, 5.0, 10.0] {
        let mut simulation = Simulation::new(2);
        let mut start = simulation.run(load, 300 * MILLISECOND);
        let mut seen = simulation.run(load, 3000 * MILLISECOND);
        let unwrapped = (seen.waits.len() as u64 * UNWRAP) as f64 / (3000 * MILLISECOND) as f64;
        println!(
            "load {load}: wait {:.2} targets, p99 {:.2}, at first at most {:.1}; unwrapping {:.0}% of the time, {} dropped",
            seen.mean(),
            seen.quantile(0.99),
            start.quantile(0.9999),
            100.0 * unwrapped,
            seen.dropped
        );
        assert!((0.8..1.2).contains(&seen.mean()), "load {load}: {}", seen.mean());
        assert!(seen.quantile(0.99) < 2.5, "load {load}: {}", seen.quantile(0.99));
        assert!(start.quantile(0.9999) < 40.0, "load {load}: {}", start.quantile(0.9999));
        // The rest goes into receiving what is dropped.
        let receiving = (seen.dropped as u64 * DROP) as f64 / (3000 * MILLISECOND) as f64;
        assert!(unwrapped + receiving > 0.98, "load {load}: idle though packets were dropped: {unwrapped} {receiving}");
    }
}

#[test]
fn after_an_overload_nothing_is_dropped() {
    let mut simulation = Simulation::new(3);
    assert!(simulation.run(10.0, 1000 * MILLISECOND).dropped > 0);
    simulation.run(0.5, 300 * MILLISECOND);
    assert_eq!(simulation.run(0.5, 3000 * MILLISECOND).dropped, 0);
}

/// A pause of the process is no overload: most of what waited is unwrapped.
#[test]
fn a_pause_throws_little_away() {
    let mut simulation = Simulation::new(4);
    simulation.run(0.5, 1000 * MILLISECOND);
    simulation.now += 20 * MILLISECOND;
    let seen = simulation.run(0.5, 1000 * MILLISECOND);
    assert!(seen.dropped < 200, "{} of the 400 that waited", seen.dropped);
}

proptest! {
    #[test]
    fn no_time_panics(target: u64, times: Vec<(u64, u64)>, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut aqm = Aqm::new(target);
        for (now, arrived) in times {
            aqm.admit(now, arrived, &mut rng);
            prop_assert!((0.0..=1.0).contains(&aqm.probability()));
        }
    }

    /// Whatever the load was, what has not waited is not dropped.
    #[test]
    fn what_has_not_waited_is_let_through(waits in proptest::collection::vec(0..20 * TARGET, 1..500), seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut aqm = Aqm::new(TARGET);
        let mut now = 100 * TARGET;
        for wait in waits {
            now += rng.random_range(0..2 * TARGET);
            let admitted = aqm.admit(now, now - wait, &mut rng);
            prop_assert!(admitted || wait >= TARGET / 2);
        }
    }
}
