//! The exit's daemon.

use std::path::Path;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_daemon::{Command, ConfigCommand, Logs};
use mimiq_exit::config::Config;
use mimiq_exit::users::{TokenHash, new_token};
use mimiq_exit::{Exit, telemetry, tls};

/// A proxy over HTTP/3 (CONNECT and CONNECT-UDP) for the applications of hopping clients.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Subcommand)]
enum Task {
    #[command(flatten)]
    Daemon(Command),
    /// Make a token for a new user: the first line is for the user, the second for the configuration.
    Token,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Task::Daemon(Command::Run { config }) => {
            arguments.logs.start()?;
            run(&config).await
        }
        Task::Daemon(Command::Config(ConfigCommand::Check { file })) => {
            let config = Config::load(&file)?;
            tls::configs(&config.tls, config.first_packets)?;
            println!("{}: valid: {} users", file.display(), config.users.len());
            Ok(())
        }
        Task::Token => {
            let token = new_token();
            println!("{token}\ntoken_sha256: {}", TokenHash::of(&token));
            Ok(())
        }
    }
}

async fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if let Some(address) = config.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let stop = mimiq_daemon::stop_signal()?;
    let exit = Exit::start(&config)?;
    tracing::info!(listen = %exit.local_addr()?, users = config.users.len(), "ready");
    exit.run(async {
        stop.await;
        tracing::info!("stopping");
    })
    .await;
    Ok(())
}
