//! The daemon that keeps a stock of addresses for the applications of one host.

use std::path::Path;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_agent::{config::Config, daemon, session, status, telemetry};
use mimiq_daemon::{Command, ConfigCommand, Logs};

/// Keeps a stock of addresses and gives them to the applications of this host. Needs CAP_NET_ADMIN for local routes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: AgentCommand,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Subcommand)]
enum AgentCommand {
    #[command(flatten)]
    Daemon(Command),
    /// Show what the running agent has, and what its applications' policies cost.
    Status(status::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        AgentCommand::Daemon(Command::Run { config }) => {
            arguments.logs.start()?;
            run(&config).await
        }
        AgentCommand::Daemon(Command::Config(ConfigCommand::Check { file })) => {
            let config = Config::load(&file)?;
            session::client_config(&config.pki)?;
            println!("{}: valid", file.display());
            Ok(())
        }
        AgentCommand::Status(arguments) => status::run(&arguments).await,
    }
}

async fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if let Some(address) = config.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let stop = mimiq_daemon::stop_signal()?;
    Ok(daemon::run(config, stop).await?)
}
