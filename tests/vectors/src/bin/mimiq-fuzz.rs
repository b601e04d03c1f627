//! Compares the software switch's pipeline with the P4 program on BMv2, frame by frame.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Result;
use clap::Parser;
use mimiq_vectors::{
    fuzz::{self, Plan},
    subject::{Bmv2, Memory},
};

/// Puts the same tables and frames into the pipeline and BMv2 until they differ.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// How many frames.
    #[arg(long, default_value_t = 500_000)]
    frames: u64,
    /// All frames and tables follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where differences are written, as vector files.
    #[arg(long, default_value = "target/fuzz", value_name = "DIRECTORY")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mimiq-fuzz: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether there was no difference.
fn execute(Cli { frames, seed, out }: Cli) -> Result<bool> {
    let Some(mut bmv2) = Bmv2::start()? else {
        println!("skipped: simple_switch_grpc not found");
        return Ok(true);
    };
    let start = Instant::now();
    let summary = fuzz::run(&Plan { seed, frames, out }, &mut Memory::default(), &mut bmv2, &mut |summary| {
        let rate = summary.frames as f64 / start.elapsed().as_secs_f64();
        eprint!("\rseed {seed}: {} frames, {} states, {rate:.0} frames/s ", summary.frames, summary.states);
    })?;
    eprintln!();
    println!("seed {seed}: {summary}");
    Ok(summary.differences.is_empty())
}
