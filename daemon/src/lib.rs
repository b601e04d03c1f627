//! What all daemons share, so that whoever knows one knows the others: `run --config FILE`, `config check FILE`, how logs are
//! chosen, and which signals end them.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What a daemon can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run until SIGINT or SIGTERM.
    Run {
        /// The configuration file (YAML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// About configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What can be done with a configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a file is valid, and what is not.
    Check {
        /// The configuration file (YAML).
        file: PathBuf,
    },
}

/// What is logged, and how; to standard error.
#[derive(Debug, Args)]
pub struct Logs {
    /// What to log: a level, or a filter such as `info,mimiq_switch=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER", global = true)]
    log: String,
    /// How logs are written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Logs {
    /// Starts logging, for the life of the process.
    ///
    /// # Errors
    /// If the filter cannot be read, or the process logs already.
    pub fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log).with_context(|| format!("--log {}", self.log))?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            // Else a line that cannot be written, to a full disk or to whoever reads no more, is reported there too, and that it cannot be is a panic.
            .log_internal_errors(false)
            .with_ansi(io::stderr().is_terminal());
        let started = match self.log_format {
            LogFormat::Text => logs.try_init(),
            LogFormat::Json => logs.json().try_init(),
        };
        started.map_err(|error| anyhow::anyhow!("logs: {error}"))
    }
}

/// Completes when SIGINT or SIGTERM arrives, from the call on. Must be called within a tokio runtime.
///
/// # Errors
/// If the system does not let the process handle them.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
