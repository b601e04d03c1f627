//! The operator's command: asks the controller's admin API, and keeps the authority's files.
//!
//! Exit codes: 0 done; 1 refused or failed; 2 the command line is wrong.

mod args;
mod connection;
mod leases;
mod output;
mod pki;
mod server;
mod show;
mod tables;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _};
use mimiq_controller::config::Config;

use args::{Args, Command, ConfigCommand};
use connection::{NoServer, connect};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<NoServer>() => {
            eprintln!("mimiqctl: {error:#}");
            ExitCode::from(2)
        }
        // Whoever reads has had enough, as `head` does.
        Err(error) if error.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mimiqctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.command {
        Command::Pki(command) => pki::run(command, args.json, &mut out)?,
        Command::Config(ConfigCommand::Check { file }) => {
            let config = Config::load(&file)?;
            writeln!(out, "{}: valid: {} switches", file.display(), config.switches.len())?;
        }
        Command::Completions { shell } => {
            // It panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "mimiqctl", &mut script);
            out.write_all(&script)?;
        }
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime
                .block_on(async { server::run(command, connect(&args.server).await?, args.json, &mut out).await })?;
        }
    }
    Ok(out.flush()?)
}
