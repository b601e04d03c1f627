//! `mimiq-mix client receive`.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use mimiq_client::{Event, Message};
use mimiq_loops::{Report, State};

use super::started::Started;

/// How long what is left may take at the end.
const LAST: Duration = Duration::from_secs(30);

/// What to print.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print each as a line of JSON: `{"from": ADDRESS, "text": TEXT}`. What is no UTF-8 is replaced.
    #[arg(long)]
    json: bool,
}

/// Prints messages until it is interrupted, or there were enough.
///
/// # Errors
/// If the client cannot run, or standard output is closed.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut started = Started::new(&arguments.config).await?;
    let handle = started.client.handle();
    let stop = mimiq_daemon::stop_signal()?;
    tokio::pin!(stop);
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        let event = tokio::select! {
            event = started.client.event() => event.context("the client has stopped")?,
            () = &mut stop => break,
        };
        match event {
            Event::Message(message) => {
                print(&message, arguments.json)?;
                handle.taken(message.id).await?;
                left -= 1;
            }
            Event::Sent(_) => {}
            Event::Attack(report) => warn(&report),
        }
    }
    // Acknowledgements leave when the clock says so.
    tracing::info!(at_most = ?LAST, "ending, when what is left has been sent; another signal ends it at once");
    if !started.end(LAST).await? {
        tracing::warn!("acknowledgements may still be to be sent: messages may be sent to this client again");
    }
    Ok(())
}

fn print(message: &Message, json: bool) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&message.text);
    let mut out = std::io::stdout().lock();
    if json {
        let line = serde_json::json!({ "from": message.from.to_string(), "text": text });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "from {}", message.from)?;
        out.write_all(&message.text)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

/// Says what the client's loops say.
pub(super) fn warn(report: &Report) {
    let Report { sent, failed, state, .. } = report;
    match state {
        State::Attacked { kind, .. } => tracing::warn!(attack = ?kind, failed, sent, "the network is under attack"),
        State::Healthy | State::Untested => tracing::info!("loops are coming back: the attack is over"),
    }
}
