//! The daemon that keeps a stock of addresses for the applications of one host.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_agent::{config::Config, daemon, doctor, session, status, telemetry};
use mimiq_daemon::{Command, ConfigCommand, Logs};

/// Keeps a stock of addresses and gives them to the applications of this host. Needs CAP_NET_ADMIN for local routes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Order,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Subcommand)]
enum Order {
    #[command(flatten)]
    Daemon(Command),
    /// Look at each thing that the agent needs, and say what to do; the exit status is 1 if there is a problem.
    Doctor(doctor::Arguments),
    /// Show what the running agent has, and what its applications' policies cost.
    Status(status::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.command {
        Order::Daemon(Command::Run { config }) => {
            arguments.logs.start()?;
            run(&config).await?;
        }
        Order::Daemon(Command::Config(ConfigCommand::Check { file })) => {
            let config = Config::load(&file)?;
            session::client_config(&config.pki)?;
            println!("{}: valid", file.display());
        }
        Order::Doctor(arguments) => {
            if !doctor::run(&arguments).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Order::Status(arguments) => status::run(&arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if let Some(address) = config.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let stop = mimiq_daemon::stop_signal()?;
    Ok(daemon::run(config, stop).await?)
}
