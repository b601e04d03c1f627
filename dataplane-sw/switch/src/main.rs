//! The daemon: configuration, ports, P4Runtime, metrics, signals.

mod forwarding;

use std::{io, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use mimiq_contract::P4INFO_TEXT;
use mimiq_daemon::{Command, ConfigCommand, Logs};
use mimiq_io::PortMonitor;
use mimiq_pipeline::{DropCounters, Pipeline};
use mimiq_switch::{
    Device,
    config::Config,
    metrics,
    pipeline_config::PipelineConfig,
    server::Server,
    tables::{self, Tables},
    tls,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpIncoming};
use tracing::{info, warn};

/// mimiq's software switch: AF_XDP or AF_PACKET ports, programmed by a controller through P4Runtime.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: Logs,
}

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiq-switch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Run { config } => {
            cli.logs.start()?;
            run(load(&config)?)
        }
        Command::Config(ConfigCommand::Check { file }) => {
            let config = load(&file)?;
            config.tls.as_ref().map(tls::acceptor).transpose()?;
            println!("{}: valid: device {}, {} ports", file.display(), config.device_id, config.ports.len());
            Ok(())
        }
    }
}

fn load(file: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Config::parse(&text, file.parent().unwrap_or(Path::new(""))).with_context(|| file.display().to_string())
}

#[tokio::main]
async fn run(config: Config) -> anyhow::Result<()> {
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT)?;
    let (writer, reader) = mimiq_pipeline::tables(&tables::sizes(&contract));
    let drops = Arc::new(DropCounters::default());
    let tables = Tables::new(writer, drops.clone(), &contract);
    let pipeline = Pipeline::new(drops.clone(), tables.meter());
    let server = Server::new(Device::new(config.device_id, PipelineConfig::new(contract), tables));

    // Everything that can be refused is opened before anything is served.
    let acceptor = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listen: {}", config.listen))?;
    let address = listener.local_addr()?;
    if let Some(address) = config.metrics {
        metrics::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let told_to_stop = mimiq_daemon::stop_signal()?;
    let shutdown = mimiq_io::Shutdown::new()?;
    let mut forwarding = forwarding::start(&config, pipeline, reader, drops.clone(), shutdown.clone())?;
    let monitors = forwarding.monitors.clone();
    let metering = tokio::spawn(meter(server.clone(), drops, monitors));

    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = match acceptor {
        None => tokio::spawn(serve(server.clone(), TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)),
        Some(acceptor) => tokio::spawn(serve(server.clone(), tls::incoming(listener, acceptor), stopped)),
    };
    let tls = config.tls.is_some();
    info!(device_id = config.device_id, listen = %address, tls, ports = config.ports.len(), "ready");

    let result = tokio::select! {
        () = told_to_stop => Ok(()),
        result = &mut forwarding.ended => Err(anyhow::anyhow!("forwarding ended: {result:?}")),
        result = &mut serving => Err(anyhow::anyhow!("P4Runtime server ended: {result:?}")),
    };
    info!("shutting down");
    metering.abort();
    shutdown.signal();
    server.close_streams();
    if stop.send(()).is_ok()
        && !serving.is_finished()
        && tokio::time::timeout(Duration::from_secs(2), serving).await.is_err()
    {
        warn!("a controller keeps its connection open: closed");
    }
    forwarding.join();
    result
}

async fn serve<C>(
    server: Server,
    incoming: impl Stream<Item = io::Result<C>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    // A controller that vanished without a word must not stay primary.
    tonic::transport::Server::builder()
        .concurrency_limit_per_connection(16)
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .add_service(server.service())
        .serve_with_incoming_shutdown(incoming, async {
            // The sender is dropped only together with the process.
            let _ = stopped.await;
        })
        .await
}

/// Once a second, so that scrapes do not compete with writes for the lock.
async fn meter(server: Server, drops: Arc<DropCounters>, ports: Vec<PortMonitor>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        metrics::update(&drops, &ports);
        if server.with_device(|device| metrics::update_tables(device.tables())).await.is_err() {
            return;
        }
    }
}
