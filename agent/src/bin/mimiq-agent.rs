//! The daemon that keeps a stock of addresses for the applications of one host.

use std::path::Path;

use anyhow::Context as _;
use clap::Parser;
use mimiq_agent::proxy::Proxy;
use mimiq_agent::{config::Config, daemon, session, telemetry};
use mimiq_daemon::{Command, ConfigCommand, Logs};

/// Keeps a stock of addresses and gives them to the applications of this host. Needs CAP_NET_ADMIN for local routes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: Logs,
}

// The proxy encrypts; the daemon does not wait for it.
#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run { config } => {
            arguments.logs.start()?;
            run(&config).await
        }
        Command::Config(ConfigCommand::Check { file }) => {
            let config = Config::load(&file)?;
            session::client_config(&config.pki)?;
            config.proxy.as_ref().map(Proxy::check).transpose()?;
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
