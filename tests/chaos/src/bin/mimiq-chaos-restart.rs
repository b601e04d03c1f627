//! Measures how long the controller takes to come back when many leases are in the switches.

use std::process::ExitCode;

use clap::Parser;
use mimiq_chaos::harness::{programs::Programs, restart::Loaded};
use serde_json::json;

/// Fills a software switch with leases, kills the controller, and measures from exec until it is ready.
///
/// The programs are those of MIMIQ_CONTROLLER and MIMIQ_SWITCH, or are built from these sources.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Addresses leased.
    #[arg(long, default_value_t = 100_000)]
    leases: u32,
    /// How often the controller is killed.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// One JSON object a run.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiq-chaos-restart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let programs = Programs::find()?;
    let dir = tempfile::Builder::new().prefix("mimiq-chaos-").tempdir()?;
    let mut loaded = Loaded::start(dir.path(), &programs, args.leases).await?;
    for _ in 0..args.runs {
        let leases = loaded.leases;
        let restart = loaded.restart().await?;
        let (ready, served) = (restart.ready.as_secs_f64(), restart.served.as_secs_f64());
        if args.json {
            println!("{}", json!({"leases": leases, "ready_seconds": ready, "served_seconds": served}));
        } else {
            println!("{leases} leases: ready after {ready:.3} s, a new address after {served:.3} s");
        }
    }
    Ok(())
}
