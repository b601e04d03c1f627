//! Loopix on the command line.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use mimiq_daemon::{Command, ConfigCommand, Logs};
use mimiq_directory::SigningKey;
use mimiq_mix::commands::{chat, load, receive, send};
use mimiq_mix::config::{ClientConfig, NodeConfig};
use mimiq_mix::{node, telemetry};

/// A mix network that hides who talks to whom: mixes and providers, the authorities of their directory, and clients.
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
    /// A mix or a provider.
    #[command(subcommand)]
    Node(Service),
    /// An authority of the directory.
    #[command(subcommand)]
    Authority(Service),
    /// Sends and receives messages.
    #[command(subcommand)]
    Client(ClientTask),
    /// Many clients that send cover traffic, and messages to each other: to see how a network works under load.
    Load(load::Arguments),
}

#[derive(Subcommand)]
enum Service {
    #[command(flatten)]
    Daemon(Command),
    /// Make a new identity, and print its public key.
    Init {
        /// The file to write.
        identity: PathBuf,
    },
    /// Print an identity's public key.
    Identity {
        /// The file to read.
        identity: PathBuf,
    },
}

#[derive(Subcommand)]
enum ClientTask {
    /// Print the address at which others reach this client; makes its keys the first time.
    Address {
        /// The configuration file (YAML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Send a message, and wait until it has been acknowledged.
    Send(send::Arguments),
    /// Print messages as they come.
    Receive(receive::Arguments),
    /// Talk with someone: each line is a message.
    Chat(chat::Arguments),
    /// About configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut runtime = match arguments.command {
        // One connection, and little to do at a time: threads that wake each other would cost more than they share.
        Task::Client(_) => tokio::runtime::Builder::new_current_thread(),
        Task::Node(_) | Task::Authority(_) | Task::Load(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().context("runtime")?.block_on(run(arguments))
}

async fn run(Arguments { command, logs }: Arguments) -> anyhow::Result<()> {
    match command {
        Task::Node(Service::Daemon(Command::Run { config })) => {
            logs.start()?;
            run_node(&config).await
        }
        Task::Node(Service::Daemon(Command::Config(ConfigCommand::Check { file }))) => {
            let config = NodeConfig::load(&file)?;
            println!("{}: valid: {:?}", file.display(), config.role());
            Ok(())
        }
        Task::Authority(Service::Daemon(Command::Run { config })) => {
            logs.start()?;
            let stop = mimiq_daemon::stop_signal()?;
            let config = mimiq_authority::Config::load(&config)?;
            Ok(mimiq_authority::run(config, stop).await?)
        }
        Task::Authority(Service::Daemon(Command::Config(ConfigCommand::Check { file }))) => {
            let config = mimiq_authority::Config::load(&file)?;
            println!("{}: valid: authority {} of {}", file.display(), config.key.public_key(), config.policy.network);
            Ok(())
        }
        Task::Node(Service::Init { identity }) | Task::Authority(Service::Init { identity }) => {
            println!("{}", SigningKey::create(&identity, &mut rand::rng())?.public_key());
            Ok(())
        }
        Task::Node(Service::Identity { identity }) | Task::Authority(Service::Identity { identity }) => {
            println!("{}", SigningKey::read(&identity)?.public_key());
            Ok(())
        }
        Task::Client(ClientTask::Config(ConfigCommand::Check { file })) => {
            let config = ClientConfig::load(&file)?;
            println!("{}: valid: a client of {:?}", file.display(), config.provider);
            Ok(())
        }
        Task::Client(ClientTask::Address { config }) => send::address(&ClientConfig::load(&config)?),
        Task::Client(ClientTask::Send(arguments)) => {
            logs.start()?;
            send::run(arguments).await
        }
        Task::Client(ClientTask::Receive(arguments)) => {
            logs.start()?;
            receive::run(arguments).await
        }
        Task::Client(ClientTask::Chat(arguments)) => {
            logs.start()?;
            chat::run(arguments).await
        }
        Task::Load(arguments) => {
            logs.start()?;
            load::run(arguments).await
        }
    }
}

async fn run_node(path: &Path) -> anyhow::Result<()> {
    let config = NodeConfig::load(path)?;
    if let Some(address) = config.metrics {
        telemetry::serve(address).with_context(|| format!("metrics: {address}"))?;
    }
    let stop = mimiq_daemon::stop_signal()?;
    node::run(config, stop).await
}
