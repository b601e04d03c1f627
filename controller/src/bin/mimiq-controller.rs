//! The controller's daemon.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Parser;
use mimiq_controller::{Controller, config::Config, http, telemetry};
use mimiq_daemon::{Command, ConfigCommand, Logs};

/// mimiq's allocation server and SDN controller.
#[derive(Parser)]
#[command(name = "mimiq-controller", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: Logs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        Command::Run { config } => args.logs.start().and_then(|()| run(&config)),
        Command::Config(ConfigCommand::Check { file }) => check(&file),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiq-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(file: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    println!("{}: valid: {} switches", file.display(), config.switches.len());
    Ok(())
}

fn run(path: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&config))
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let told_to_stop = mimiq_daemon::stop_signal()?;
    tokio::pin!(told_to_stop);
    let pages = match config.http {
        Some(address) => {
            Some((http::listen(address).with_context(|| format!("http: {address}"))?, telemetry::install()?))
        }
        None => None,
    };
    let mut controller = Controller::start(config)?;
    if let Some((listener, metrics)) = pages {
        let (reporting, asked) = (controller.allocator().clone(), controller.allocator().clone());
        let not_ready = move || asked.with(|core, _| core.not_ready());
        let pages =
            http::Pages { metrics, report: Arc::new(move || reporting.report()), not_ready: Arc::new(not_ready) };
        tokio::spawn(http::serve(listener, pages));
    }
    tokio::select! {
        () = controller.ready() => {
            tracing::info!("ready");
            told_to_stop.await;
        }
        () = &mut told_to_stop => {}
    }
    tracing::info!("stopping");
    controller.stop().await;
    Ok(())
}
