//! The daemon that keeps a stock of addresses for the applications of one host.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_agent::{config::Config, daemon, doctor, proxy::Proxy, session, status, telemetry};
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

// The proxy encrypts; the daemon does not wait for it.
#[tokio::main(worker_threads = 2)]
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
            config.proxy.as_ref().map(Proxy::check).transpose()?;
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
    let proxy = config.proxy.as_ref().map(|proxy| Proxy::start(proxy, &config.socket)).transpose()?;
    let proxy = proxy.map(|proxy| tokio::spawn(proxy.run()));
    let stop = async {
        stop.await;
        // Its connections end while their addresses are still theirs.
        if let Some(proxy) = &proxy {
            proxy.abort();
        }
    };
    Ok(daemon::run(config, stop).await?)
}
