//! Alice and Bob talk; Bob's process is killed, Alice writes on; Bob comes back and reads it.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use mimiq_mix_testbed::{Network, output};

use crate::chat::Chat;
use crate::run::Run;

/// For all that takes a way through the network, seconds: a line that gets lost is sent again a few times in it.
const PATIENCE: f64 = 180.0;

/// A line that one of them wrote. Times are seconds since the demo began.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) from: &'static str,
    pub(crate) text: String,
    pub(crate) written: f64,
    /// When the other saw it.
    pub(crate) read: Option<f64>,
    /// When the acknowledgement was back.
    pub(crate) acknowledged: Option<f64>,
    /// Whether the other was there when it was written.
    pub(crate) to_absent: bool,
}

/// Both, and what they wrote.
pub(crate) struct Conversation<'a> {
    run: &'a Run,
    network: &'a Network,
    alice: Chat,
    bob: Option<Chat>,
    bobs: PathBuf,
    lines: Vec<Line>,
}

impl<'a> Conversation<'a> {
    /// Starts both: Alice knows Bob's address.
    pub(crate) fn start(run: &'a Run, network: &'a Network) -> anyhow::Result<Self> {
        let (alices, bobs) = (network.client("alice", "p1")?, network.client("bob", "p2")?);
        let address = output(network.command().args(["client", "address", "--config"]).arg(&bobs))?;
        let bob = Chat::start(network, &bobs, None)?;
        let alice = Chat::start(network, &alices, Some(&address))?;
        let mut both = Self { run, network, alice, bob: Some(bob), bobs, lines: Vec::new() };
        let mut ready = [false; 2];
        run.until("Alice and Bob are connected", PATIENCE, || {
            let shown = both.shown()?;
            for (who, line) in shown {
                ready[usize::from(who == "Bob")] |= line.starts_with("* you are");
            }
            Ok(ready == [true; 2])
        })
        .with_context(|| both.logs())?;
        Ok(both)
    }

    /// One writes, and the other reads it.
    pub(crate) fn say(&mut self, from: &'static str, text: &str) -> anyhow::Result<()> {
        self.write(from, text)?;
        self.until_all("a line is read", |line| line.read.is_some())
    }

    /// Waits until all that was written is acknowledged.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        self.until_all("all lines are acknowledged", |line| line.acknowledged.is_some())
    }

    /// Bob's process is killed, Alice writes these lines, and Bob starts again after so many seconds. Returns how long it took
    /// from then until he had read all.
    pub(crate) fn absence(&mut self, texts: &[&str], seconds: f64) -> anyhow::Result<f64> {
        let left = self.run.now();
        self.bob.take().context("Bob is away")?.kill()?;
        for text in texts {
            self.write("Alice", text)?;
        }
        self.run.pass(left + seconds)?;
        ensure!(self.lines.iter().filter(|line| line.read.is_none()).count() == texts.len(), "Bob read while away");
        let back = self.run.now();
        self.bob = Some(Chat::start(self.network, &self.bobs, None)?);
        self.until_all("Bob reads what he missed", |line| line.read.is_some())?;
        Ok(self.run.now() - back)
    }

    /// What they wrote.
    pub(crate) fn lines(self) -> Vec<Line> {
        self.lines
    }

    fn write(&mut self, from: &'static str, text: &str) -> anyhow::Result<()> {
        let to_absent = self.bob.is_none();
        let chat = if from == "Alice" { &mut self.alice } else { self.bob.as_mut().context("Bob is away")? };
        chat.write(text)?;
        let (text, written) = (text.to_owned(), self.run.now());
        self.lines.push(Line { from, text, written, read: None, acknowledged: None, to_absent });
        Ok(())
    }

    /// What both programs say of themselves.
    fn logs(&self) -> String {
        format!("Alice: {}\nBob: {}", self.alice.log(), self.bob.as_ref().map(Chat::log).unwrap_or_default())
    }

    fn shown(&mut self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let alice = self.alice.shown().context("Alice")?.into_iter().map(|line| ("Alice", line));
        let bob = self.bob.as_ref().map_or(Ok(Vec::new()), Chat::shown).context("Bob")?;
        let bob = bob.into_iter().map(|line| ("Bob", line));
        Ok(alice.chain(bob).collect())
    }

    fn until_all(&mut self, what: &str, is: impl Fn(&Line) -> bool) -> anyhow::Result<()> {
        let run = self.run;
        let waited = run.until(what, PATIENCE, || {
            for (who, line) in self.shown()? {
                self.take(who, &line)?;
            }
            Ok(self.lines.iter().all(&is))
        });
        waited.map(drop)
    }

    /// What one of them was shown.
    fn take(&mut self, who: &'static str, shown: &str) -> anyhow::Result<()> {
        let now = self.run.now();
        if let Some(text) = shown.strip_prefix("> ") {
            let line = self.lines.iter_mut().find(|line| line.from != who && line.text == text);
            let line = line.with_context(|| format!("{who} was shown what nobody wrote: {text:?}"))?;
            ensure!(line.read.is_none(), "{who} was shown twice: {text:?}");
            line.read = Some(now);
            self.run.say(format_args!("  {} → {who}: {text} ({:.1} s)", line.from, now - line.written));
        } else if let Some(number) = shown.strip_suffix(" delivered").and_then(|rest| rest.strip_prefix("* ")) {
            // The process counts its own lines, from 1 on.
            let number: usize = number.parse().with_context(|| shown.to_owned())?;
            let mut own = self.lines.iter_mut().filter(|line| line.from == who);
            let line = own.nth(number.saturating_sub(1)).with_context(|| shown.to_owned())?;
            line.acknowledged = Some(now);
        } else if !["* you are ", "* talking with ", "* waiting for "].iter().any(|known| shown.starts_with(known)) {
            bail!("{who} was told: {shown}");
        }
        Ok(())
    }
}
