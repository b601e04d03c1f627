//! A small HTTP/3 client that hops from address to address while it asks.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use mimiq_agent::get::{self, HopPolicy, Options, Timing};

/// Asks an HTTP/3 server again and again, hopping between addresses that the agent gives: within a connection where the server
/// follows, to another connection where it does not.
///
/// Hops by requests (`--hop-every`, `--no-hop`), or, as other applications, by a policy.
///
/// Exits with 1 if a request failed, with 2 if it could not start.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// What to ask for, such as `https://server.example:4433/2700`.
    url: http::Uri,
    /// The agent's Unix socket.
    #[arg(long, default_value = "/run/mimiq/agent.sock")]
    agent: PathBuf,
    /// Who may have signed the server's certificate (PEM).
    #[arg(long)]
    ca: PathBuf,
    /// Where to connect to, if not where the URL's host name leads; such as `[2001:db8::1]:4433`.
    #[arg(long)]
    connect: Option<SocketAddr>,
    /// The name in the server's certificate, if not the URL's host.
    #[arg(long)]
    server_name: Option<String>,
    /// How many requests, one after the other.
    #[arg(long, default_value_t = 1)]
    requests: usize,
    /// Hop once in so many requests.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "no_hop")]
    hop_every: u32,
    /// Stay at the first address.
    #[arg(long)]
    no_hop: bool,
    /// The policy to follow, as in the agent's configuration, such as `every_packets: 25`; `agent` for what that says.
    #[arg(long, value_parser = followed, conflicts_with_all = ["no_hop", "hop_every", "hop_timing"])]
    policy: Option<HopPolicy>,
    /// Download it into this file, once, with the policy's or the agent's stripes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["requests", "hop_every"])]
    download: Option<PathBuf>,
    /// Whether to hop shortly after a request was sent or right before the next.
    #[arg(long, value_enum, default_value = "early")]
    hop_timing: Timing,
    /// Pause between requests, milliseconds.
    #[arg(long, default_value_t = 0)]
    interval_ms: u64,
    /// How long a request may take, milliseconds.
    #[arg(long, default_value_t = 10_000)]
    timeout_ms: u64,
    /// Who reports, and which application this is towards the agent.
    #[arg(long, default_value = "mimiq-get")]
    label: String,
    /// Where to write the report (JSON); standard output if absent.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn followed(text: &str) -> Result<HopPolicy, String> {
    if text == "agent" { Ok(HopPolicy::Follow(None)) } else { text.parse().map(Some).map(HopPolicy::Follow) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    let colours = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    // As all programs here: a line that cannot be written is lost, and no panic.
    logs.log_internal_errors(false).init();
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mimiq-get: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let host = arguments.url.host().with_context(|| format!("url: {}: no host", arguments.url))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let server = match arguments.connect {
        Some(server) => server,
        None => {
            let port = arguments.url.port_u16().unwrap_or(443);
            let mut found = tokio::net::lookup_host((host.as_str(), port)).await.with_context(|| host.clone())?;
            found.find(SocketAddr::is_ipv6).with_context(|| format!("url: {host}: no IPv6 address"))?
        }
    };
    let policy = match (arguments.policy, usize::try_from(arguments.hop_every)) {
        (Some(policy), _) => policy,
        (None, Ok(every)) if !arguments.no_hop => HopPolicy::Every(every, arguments.hop_timing),
        _ => HopPolicy::Never,
    };
    let options = Options {
        agent: arguments.agent,
        server,
        server_name: arguments.server_name.unwrap_or(host),
        uri: arguments.url,
        roots: get::roots(&arguments.ca)?,
        requests: arguments.requests,
        interval: Duration::from_millis(arguments.interval_ms),
        timeout: Duration::from_millis(arguments.timeout_ms),
        policy,
        label: arguments.label,
    };
    if let Some(file) = arguments.download {
        println!("{}", get::download::run(options, &file).await?);
        return Ok(true);
    }
    let report = get::run(options).await?;
    let json = serde_json::to_string_pretty(&report)?;
    match arguments.report {
        Some(path) => std::fs::write(&path, json).with_context(|| format!("report: {}", path.display()))?,
        None => println!("{json}"),
    }
    Ok(report.summary.failed == 0 && report.summary.requests == arguments.requests)
}
