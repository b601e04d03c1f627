//! Runs the packet vectors against the implementation that `MIMIQ_VECTORS` names.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use mimiq_vectors::{
    file::{self, Vector},
    run,
    subject::{Backend, Bmv2, Memory, Subject, Switch},
};

/// Runs packet vectors.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Against what: `pipeline` (in memory), `switch` (mimiq-switch on veth pairs, needs root) or `bmv2` (simple_switch_grpc).
    #[arg(long, env = "MIMIQ_VECTORS", default_value = "pipeline")]
    subject: String,
    /// Vector files; all of the project's by default.
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match execute(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mimiq-vectors: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all vectors passed.
fn execute(cli: &Cli) -> Result<bool> {
    let vectors = if cli.files.is_empty() {
        file::read_all(&file::directory())?
    } else {
        let files: Result<Vec<_>> = cli.files.iter().map(|path| file::read(path)).collect();
        files?.concat()
    };
    match cli.subject.as_str() {
        "pipeline" => report(&mut Memory::default(), &vectors),
        "switch" => {
            let mut passed = true;
            for backend in [Backend::AfXdp, Backend::AfPacket] {
                let vectors = vectors.clone();
                // The namespace is the thread's, and goes with it.
                let thread = std::thread::spawn(move || report(&mut Switch::start(backend, &vectors)?, &vectors));
                passed &= thread.join().ok().context("the thread panicked")??;
            }
            Ok(passed)
        }
        "bmv2" => match Bmv2::start()? {
            Some(mut subject) => report(&mut subject, &vectors),
            None => {
                println!("skipped: simple_switch_grpc not found");
                Ok(true)
            }
        },
        other => bail!("MIMIQ_VECTORS: {other:?} is none of pipeline, switch, bmv2"),
    }
}

fn report(subject: &mut dyn Subject, vectors: &[Vector]) -> Result<bool> {
    let report = run::run(subject, vectors)?;
    println!("vectors, {}: {report}", subject.name());
    Ok(report.failed.is_empty())
}
