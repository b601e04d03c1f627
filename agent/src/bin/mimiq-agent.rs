//! The daemon that keeps a stock of addresses for the applications of one host.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_agent::{config::Config, daemon, session, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// Keeps a stock of addresses and gives them to the applications of this host.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the daemon until SIGINT or SIGTERM. Needs CAP_NET_ADMIN for local routes.
    Run {
        /// The configuration file (YAML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Works on configuration files.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Checks a configuration file and the files that it names.
    Check {
        /// The configuration file (YAML).
        file: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match arguments.command {
        Command::Run { config } => run(&config).await,
        Command::Config { command: ConfigCommand::Check { file } } => {
            let config = Config::load(&file)?;
            session::client_config(&config.pki)?;
            println!("{}: valid", file.display());
            Ok(())
        }
    }
}

async fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if let Some(address) = config.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(daemon::run(config, stop).await?)
}
