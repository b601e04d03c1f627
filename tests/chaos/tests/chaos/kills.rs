//! Real processes are killed at random moments, at least [`KILLS`] of them. `MIMIQ_CHAOS_KILLS` asks for more,
//! `MIMIQ_CHAOS_SEED` repeats a run.

use std::env;

use mimiq_chaos::harness::{
    ledger::Stats,
    network::Pools,
    programs::Programs,
    run::{self, Plan},
    say,
};
use tokio::task::JoinSet;

/// Processes killed.
const KILLS: u64 = 64;
/// In one network.
const EACH: u64 = 16;
/// Networks at a time: most of a run is waiting.
const AT_ONCE: usize = 2;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")))
}

/// One network, from a seed.
async fn run(programs: Programs, seed: u64, kills: u64) -> Stats {
    let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir().unwrap();
    let pools = if seed.is_multiple_of(3) { Pools::Naive } else { Pools::Aliases };
    let plan = Plan { dir: dir.path().into(), seed, kills, clients: 8, pools };
    match run::kills(&plan, &programs).await {
        Ok(stats) => {
            say(&format!("seed {seed}: {stats}"));
            assert!(stats.acknowledged > 100 && stats.rules_checked > 1000, "hardly anything happened");
            assert!(stats.replies_checked > stats.replies_excused, "hardly any reply was checked");
            stats
        }
        Err(error) => {
            let dir = dir.keep();
            panic!("MIMIQ_CHAOS_SEED={seed}: {error:#}\njournal and logs: {}", dir.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_given_twice_whatever_is_killed() {
    let programs = Programs::find().unwrap();
    let mut kills = number("MIMIQ_CHAOS_KILLS").unwrap_or(KILLS);
    let seed = number("MIMIQ_CHAOS_SEED");
    let (mut runs, mut total) = (JoinSet::new(), Stats::default());
    loop {
        while kills > 0 && runs.len() < AT_ONCE {
            let each = EACH.min(kills);
            kills -= each;
            runs.spawn(run(programs.clone(), seed.unwrap_or_else(rand::random), each));
        }
        match runs.join_next().await {
            Some(Ok(stats)) => total.add(&stats),
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => break,
        }
    }
    say(&format!("all: {total}"));
    // Not more, for a busy machine is slow.
    assert!(total.guards_gone > total.guards_late, "guards outlive their leases");
    assert!(total.refilled > 0, "no lease was put back into a switch that had lost it");
}
