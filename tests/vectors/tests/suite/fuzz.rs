//! A short run of the fuzzer: the pipeline against the P4 program.

use std::io::Write as _;

use mimiq_vectors::{
    fuzz::{self, Plan},
    subject::{Bmv2, Memory},
};

/// To the terminal: what a test that passes prints is not shown.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

#[test]
fn pipeline_and_bmv2_do_the_same() {
    let Some(mut bmv2) = Bmv2::start().unwrap_or_else(|error| panic!("{error:#}")) else {
        return say("skipped: simple_switch_grpc not found");
    };
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { seed: 2026, frames: 20_000, out: directory.path().to_owned() };
    let summary = fuzz::run(&plan, &mut Memory::default(), &mut bmv2, &mut |_| {}).unwrap();
    say(&format!("fuzzed with {} frames, seed {}", summary.frames, plan.seed));
    assert!(summary.differences.is_empty(), "{summary}");
}
