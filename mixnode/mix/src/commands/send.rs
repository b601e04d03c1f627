//! `mimiq-mix client send` and `address`.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mimiq_client::{Event, Folder};
use mimiq_messages::{Address, Event as Outcome};

use super::started::Started;
use crate::config::ClientConfig;

/// How long what is left may take at the end.
const LAST: Duration = Duration::from_secs(10);

/// What to send.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// To whom: the address that they have printed with `mimiq-mix client address`.
    // One address in 64 begins with a hyphen (base64url).
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    to: Address,
    /// Do not ask for an acknowledgement: it leaves once, and may get lost.
    #[arg(long)]
    unreliable: bool,
    /// The message; without it, what standard input has.
    text: Option<String>,
}

/// Prints the client's address.
///
/// # Errors
/// If its folder cannot be used.
pub fn address(config: &ClientConfig) -> anyhow::Result<()> {
    let keys = Folder::open(&config.folder)?.keys(&mut rand::rng())?;
    println!("{}", keys.address(&config.provider)?);
    Ok(())
}

/// Sends, and returns when the message has been acknowledged, or has left if it is not to be.
///
/// # Errors
/// If it cannot be sent, or was not acknowledged.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { config, to, unreliable, text } = arguments;
    let text = match text {
        Some(text) => text.into_bytes(),
        None => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("standard input")?;
            text
        }
    };
    let mut started = Started::new(&config).await?;
    let stop = mimiq_daemon::stop_signal()?;
    tokio::pin!(stop);
    let sent = started.client.handle().submit(to, text, !unreliable).await?;
    loop {
        let event = tokio::select! {
            event = started.client.event() => event.context("the client has stopped")?,
            () = &mut stop => bail!("interrupted: the message may or may not arrive"),
        };
        match event {
            Event::Sent(Outcome::Delivered(id)) if id == sent => {
                println!("delivered");
                break;
            }
            Event::Sent(Outcome::Sent(id)) if id == sent => {
                println!("sent");
                break;
            }
            Event::Sent(Outcome::Failed(id, failure)) if id == sent => bail!("not acknowledged: {failure}"),
            // Messages that come meanwhile stay in the inbox.
            Event::Message(_) | Event::Sent(_) => {}
            Event::Attack(report) => super::receive::warn(&report),
        }
    }
    // For ever, if a message has come, as that is not taken here.
    started.end(LAST).await?;
    Ok(())
}
