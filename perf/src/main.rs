//! The load generator's command.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser;
use mimiq_perf::{Options, Report, run};

/// Plays many clients behind client-facing switches, and measures how a mimiq-controller gives them addresses.
///
/// It speaks to the controller's relay address as the switches would, so it needs their internal addresses on this machine
/// and no switch that relays for them meanwhile. All connections are made before the measurement. With --rate or
/// --address-rate requests are sent at times of their own, and latencies count from these times, however late a request was
/// really sent. How it goes is printed to standard error, the outcome to standard output. See docs/perf.md.
#[derive(Parser)]
#[command(name = "mimiq-perf", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    /// Write the outcome as JSON to this file as well.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not say how it goes.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiq-perf: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: &Arguments) -> anyhow::Result<()> {
    let report = run::run(&arguments.options, |progress| {
        if !arguments.quiet {
            eprintln!("{progress}");
        }
    })?;
    let json = |report: &Report| serde_json::to_string_pretty(report);
    if let Some(path) = &arguments.out {
        std::fs::write(path, json(&report)? + "\n").with_context(|| format!("--out {}", path.display()))?;
    }
    if arguments.json {
        println!("{}", json(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
