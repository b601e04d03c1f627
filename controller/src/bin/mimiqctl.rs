//! The operator's command.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use mimiq_controller::pki;

/// mimiq's command for operators.
#[derive(Parser)]
#[command(name = "mimiqctl", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Certificates: the authority, the controller's, and clients'.
    #[command(subcommand)]
    Pki(Pki),
}

#[derive(Subcommand)]
enum Pki {
    /// Make an authority (ca.pem, ca.key) and the controller's certificate (controller.pem, controller.key).
    Init {
        /// The folder; made if it is not there.
        dir: PathBuf,
    },
    /// Enrol a client: make NAME.pem and NAME.key.
    Enrol {
        /// The authority's folder.
        dir: PathBuf,
        /// The client's name, unique among clients.
        name: String,
    },
}

fn main() -> ExitCode {
    let result: anyhow::Result<()> = match Args::parse().command {
        Command::Pki(Pki::Init { dir }) => pki::init(&dir).map_err(Into::into),
        Command::Pki(Pki::Enrol { dir, name }) => pki::enrol(&dir, pki::Kind::Client, &name).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiqctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}
