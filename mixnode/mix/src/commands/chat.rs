//! `mimiq-mix client chat`: two people at two terminals.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use mimiq_client::Event;
use mimiq_messages::{Address, Event as Outcome, MessageId};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::receive::warn;
use super::started::Started;

/// How long what is left may take at the end.
const LAST: Duration = Duration::from_secs(60);

/// With whom to talk.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The other's address. Without it, whoever writes first.
    // As in `send`: it may begin with a hyphen.
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    with: Option<Address>,
}

/// Each line of standard input is a message; each message that comes, a line of standard output. Ends with standard input, when all is acknowledged.
///
/// # Errors
/// If the client cannot run, or standard output is closed.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut started = Started::new(&arguments.config).await?;
    let handle = started.client.handle();
    let mut with = arguments.with;
    say(format_args!("* you are {}", started.address))?;
    match &with {
        Some(with) => say(format_args!("* talking with {with}"))?,
        None => say("* waiting for someone to write first")?,
    }
    let stop = mimiq_daemon::stop_signal()?;
    tokio::pin!(stop);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = true;
    let mut away: HashMap<MessageId, u64> = HashMap::new();
    let mut number = 0;
    while reading || !away.is_empty() {
        tokio::select! {
            () = &mut stop => break,
            line = lines.next_line(), if reading => match line.context("standard input")? {
                Some(line) if line.is_empty() => {}
                Some(line) => match &with {
                    None => say("* nobody has written yet")?,
                    Some(with) => {
                        number += 1;
                        match handle.submit(with.clone(), line.into_bytes(), true).await {
                            Ok(id) => drop(away.insert(id, number)),
                            Err(error) => say(format_args!("* not sent: {error}"))?,
                        }
                    }
                },
                None => reading = false,
            },
            event = started.client.event() => match event.context("the client has stopped")? {
                Event::Message(message) => {
                    let known = with.get_or_insert_with(|| message.from.clone());
                    let name = if *known == message.from { "" } else { &format!("{}: ", message.from) };
                    say(format_args!("> {name}{}", one_line(&message.text)))?;
                    handle.taken(message.id).await?;
                }
                Event::Sent(Outcome::Delivered(id)) => {
                    if let Some(number) = away.remove(&id) {
                        say(format_args!("* {number} delivered"))?;
                    }
                }
                Event::Sent(Outcome::Failed(id, why)) => {
                    if let Some(number) = away.remove(&id) {
                        say(format_args!("* {number} may be lost: {why}"))?;
                    }
                }
                Event::Sent(Outcome::Sent(_)) => {}
                Event::Attack(report) => warn(&report),
            },
        }
    }
    tracing::info!(at_most = ?LAST, "ending, when what is left has been sent; a signal ends it at once");
    if !started.end(LAST).await? {
        tracing::warn!("messages or acknowledgements may still be to be sent");
    }
    Ok(())
}

/// A line of standard output. It is out when this returns, so that a message is taken only when somebody can have read it.
fn say(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A message, which may be from anybody: without what would move a terminal's cursor, or begin a line that looks like one of ours.
fn one_line(text: &[u8]) -> String {
    let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    String::from_utf8_lossy(text).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_nothing_else() {
        assert_eq!(one_line("Grüße, 你好".as_bytes()), "Grüße, 你好");
        assert_eq!(
            one_line(b"yes\n* 2 delivered\r> \x1b[2J\x7f\xff"),
            "yes\u{fffd}* 2 delivered\u{fffd}> \u{fffd}[2J\u{fffd}\u{fffd}"
        );
        assert!(!one_line("\u{9b}2J\u{85}".as_bytes()).contains(char::is_control));
    }
}
