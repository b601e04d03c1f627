use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnetwork::IpNetwork;
use mimiq_api::admin::LeaseState;
use std::net::IpAddr;

/// mimiq's command for operators.
#[derive(Parser)]
#[command(name = "mimiqctl", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) server: Server,
    /// Print JSON: the messages of the admin API, with their field names.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// How the controller is reached.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Server {
    /// The controller's admin API.
    #[arg(long, global = true, env = "MIMIQ_SERVER", default_value = "localhost:9572", value_name = "HOST:PORT")]
    pub(crate) server: String,
    /// The folder with ca.pem, operator.pem and operator.key.
    #[arg(long, global = true, env = "MIMIQ_PKI", value_name = "DIR")]
    pub(crate) pki: Option<PathBuf>,
    /// The authority's certificate, instead of ca.pem in the folder.
    #[arg(long, global = true, env = "MIMIQ_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Your certificate, instead of operator.pem in the folder.
    #[arg(long, global = true, env = "MIMIQ_CERT", value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, instead of operator.key in the folder.
    #[arg(long, global = true, env = "MIMIQ_KEY", value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say how the controller is.
    Status,
    /// Clients that were seen since the controller started.
    #[command(subcommand)]
    Clients(Clients),
    /// Addresses that are not free.
    #[command(subcommand)]
    Leases(Leases),
    /// Pools of addresses.
    #[command(subcommand)]
    Pools(Pools),
    /// Switches.
    #[command(subcommand)]
    Switches(Switches),
    /// SID aliases.
    #[command(subcommand)]
    Aliases(Aliases),
    /// Tables of switches.
    #[command(subcommand)]
    Table(Table),
    /// The controller's configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Propose t_remove and t_sid from the packets that were late.
    Advise,
    /// Certificates: the authority, the controller's, clients' and operators'. Asks no controller.
    #[command(subcommand)]
    Pki(Pki),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum Clients {
    /// List them.
    List {
        /// Only those with a connection.
        #[arg(long)]
        connected: bool,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one with its addresses.
    Show {
        /// The common name of its certificate.
        name: String,
    },
    /// End all its leases; it may ask for new ones.
    Revoke {
        /// The common name of its certificate.
        name: String,
        /// Close its connections as well.
        #[arg(long)]
        close: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Leases {
    /// List them.
    List {
        /// Only this client's.
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// Only those of this pool.
        #[arg(long, value_name = "NAME")]
        pool: Option<String>,
        /// Only those at this switch.
        #[arg(long, value_name = "NAME")]
        switch: Option<String>,
        /// Only those in this state.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only those in this prefix.
        #[arg(long)]
        prefix: Option<IpNetwork>,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// End the leases of these addresses.
    Revoke {
        /// The addresses.
        #[arg(required = true, num_args = 1..=1000)]
        addresses: Vec<IpAddr>,
    },
}

/// States of a lease.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum State {
    /// The client may send from it.
    Leased,
    /// Packets to it are still delivered.
    Grace,
    /// Its rules are being deleted.
    Removing,
    /// It rests.
    Cooling,
}

impl From<State> for LeaseState {
    fn from(state: State) -> Self {
        match state {
            State::Leased => Self::Leased,
            State::Grace => Self::Grace,
            State::Removing => Self::Removing,
            State::Cooling => Self::Cooling,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Pools {
    /// List them.
    List,
}

#[derive(Subcommand)]
pub(crate) enum Switches {
    /// List them.
    List,
    /// Let its last leases run out, so that it can be taken away.
    Drain {
        /// The switch.
        name: String,
    },
    /// Put it back into use.
    Undrain {
        /// The switch.
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Aliases {
    /// List them.
    List,
}

#[derive(Subcommand)]
pub(crate) enum Table {
    /// Show what a switch has beside what the controller wants.
    Dump {
        /// The switch.
        switch: String,
        /// The table, such as client_v6; all of them without it.
        table: Option<String>,
        /// Only what differs.
        #[arg(long)]
        differences: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a file is valid, and what is not. Asks no controller.
    Check {
        /// The configuration file (YAML).
        file: PathBuf,
    },
    /// Let the controller read its file again: switches, limits and pki.crl can be changed while it runs.
    Reload,
}

#[derive(Subcommand)]
pub(crate) enum Pki {
    /// Make an authority (ca.pem, ca.key, crl.pem) and the certificates of the controller and of an operator.
    Init {
        /// The folder; made if it is not there.
        dir: PathBuf,
    },
    /// Enrol a client: make NAME.pem and NAME.key.
    Enrol {
        /// The authority's folder.
        dir: PathBuf,
        /// The client's name, unique among clients and operators.
        name: String,
        /// Enrol an operator.
        #[arg(long)]
        operator: bool,
    },
    /// Make a certificate for a switch whose P4Runtime is to run over TLS: switch-NAME.pem and switch-NAME.key.
    EnrolSwitch {
        /// The authority's folder.
        dir: PathBuf,
        /// The switch's name in the controller's configuration.
        name: String,
    },
    /// Revoke a client's or an operator's certificate: adds it to crl.pem.
    Revoke {
        /// The authority's folder.
        dir: PathBuf,
        /// The name.
        name: String,
    },
    /// List what was issued.
    List {
        /// The authority's folder.
        dir: PathBuf,
    },
}
