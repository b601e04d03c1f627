//! The core in a simulated world: clients that ask, move and go, switches that restart, refuse, answer late or not at
//! all, and a controller that is killed at any moment. Everything follows from a seed.
//!
//! `MIMIQ_SEED=n` runs one schedule and says what happens; `MIMIQ_SEEDS=n` runs so many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod checks;
mod clients;
mod faults;
mod promises;
mod schedule;
mod settings;
mod switch;
mod world;

use world::World;

/// Without being told otherwise.
const SEEDS: u64 = 600;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} = {text:?}: is no number")))
}

#[test]
fn whatever_happens_the_properties_hold() {
    if let Some(seed) = number("MIMIQ_SEED") {
        let world = World::run(seed, true);
        println!("seed {seed}: {:?}", world.seen);
        return;
    }
    let seeds = number("MIMIQ_SEEDS").unwrap_or(SEEDS);
    let mut seen = world::Seen::default();
    for seed in 0..seeds {
        let world = std::panic::catch_unwind(|| World::run(seed, false));
        let Ok(world) = world else { panic!("MIMIQ_SEED={seed} shows it again") };
        seen.add(&world.seen);
    }
    println!("{seeds} schedules: {seen:?}");
    // A world in which nothing happens proves nothing.
    assert!(seen.kills >= seeds && seen.restarts >= seeds && seen.granted >= 10 * seeds, "{seen:?}");
    assert!(seen.lost_writes >= seeds && seen.refused_updates >= seeds && seen.epochs >= seeds, "{seen:?}");
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    for seed in [3, 77] {
        assert_eq!(World::run(seed, false).seen, World::run(seed, false).seen);
    }
}
