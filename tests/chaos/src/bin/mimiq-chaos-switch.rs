//! The chaos switch as a program.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use mimiq_chaos::{
    fault::{Fault, Faults, Rpc, Share},
    journal::Journal,
    proxy::{ChaosSwitch, Settings},
};

/// A P4Runtime server that stands in front of a real switch and lets a share of the requests go wrong.
///
/// A controller that is given this address instead of the switch's must still do all that it promises.
#[derive(Parser)]
#[command(version, after_long_help = table())]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "[::1]:9560", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The real switch.
    #[arg(long, default_value = "http://[::1]:9559", value_name = "URI")]
    switch: String,
    /// A fault and its share, like write:lose=0.05; may be given again and again. The long help has all faults.
    #[arg(long = "fault", value_name = "CALL:FAULT=SHARE")]
    faults: Vec<Share>,
    /// Equal seeds and requests give equal decisions; drawn if not given, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// The longest delay, and the longest life of a stream that ends, milliseconds.
    #[arg(long, default_value_t = 2000, value_name = "MS")]
    longest_delay: u64,
    /// A shell command that restarts the switch, for the fault restart.
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// A file for the decisions, one a line; otherwise standard error.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

fn table() -> String {
    let mut text = "Faults:\n".to_owned();
    for fault in Fault::value_variants() {
        let calls: Vec<String> = Rpc::ALL.iter().filter(|rpc| fault.befalls(**rpc)).map(Rpc::to_string).collect();
        let value = fault.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string).unwrap_or_default();
        text += &format!("  {:<10} {help} [{}]\n", fault.to_string(), calls.join(", "));
    }
    text
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimiq-chaos-switch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(args: Args) -> anyhow::Result<()> {
    let faults = Faults::new(args.faults).map_err(|problem| anyhow::anyhow!("--fault: {problem}"))?;
    anyhow::ensure!(!faults.restart() || args.restart.is_some(), "--fault: restart needs --restart COMMAND");
    let journal = match args.journal {
        Some(file) => Journal::to_file(&file).with_context(|| format!("--journal: {}", file.display()))?,
        None => Journal::to_stderr(),
    };
    let settings = Settings {
        name: "chaos".into(),
        switch: args.switch,
        seed: args.seed.unwrap_or_else(rand::random),
        faults,
        longest_delay: Duration::from_millis(args.longest_delay),
        restart: args.restart,
    };
    let told_to_stop = mimiq_daemon::stop_signal()?;
    let seed = settings.seed;
    let switch = ChaosSwitch::start(args.listen, settings, journal).await?;
    eprintln!("listening on {} with seed {seed}", switch.address);
    told_to_stop.await;
    Ok(())
}
