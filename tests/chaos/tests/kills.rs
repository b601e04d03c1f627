//! Real processes are killed at random moments, at least [`KILLS`] of them. `MIMIQ_CHAOS_KILLS` asks for more,
//! `MIMIQ_CHAOS_SEED` repeats a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

use std::{
    env,
    io::{self, Write as _},
};

use mimiq_chaos::harness::{
    ledger::Stats,
    network::Pools,
    programs::Programs,
    run::{self, Plan},
};

/// Processes killed.
const KILLS: u64 = 60;
/// In one network.
const EACH: u64 = 15;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_given_twice_whatever_is_killed() {
    let programs = Programs::find().unwrap();
    let wanted = number("MIMIQ_CHAOS_KILLS").unwrap_or(KILLS);
    let seed = number("MIMIQ_CHAOS_SEED");
    let mut total = Stats::default();
    while total.controller_kills + total.switch_kills < wanted {
        let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir().unwrap();
        let seed = seed.unwrap_or_else(rand::random);
        let pools = if seed % 3 == 0 { Pools::Naive } else { Pools::Aliases };
        let plan = Plan { dir: dir.path().into(), seed, kills: EACH.min(wanted), clients: 8, pools };
        match run::kills(&plan, &programs).await {
            Ok(stats) => {
                // What a test that passes prints is not shown.
                writeln!(io::stderr(), "seed {seed}: {stats}").unwrap();
                assert!(stats.acknowledged > 100 && stats.rules_checked > 1000, "hardly anything happened");
                total.add(&stats);
            }
            Err(error) => {
                let dir = dir.keep();
                panic!("MIMIQ_CHAOS_SEED={seed}: {error:#}\njournal and logs: {}", dir.display());
            }
        }
    }
    writeln!(io::stderr(), "all: {total}").unwrap();
}
