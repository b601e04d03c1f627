//! A `mimiq-mix client chat` process with pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use anyhow::{Context as _, bail};
use mimiq_mix_testbed::{Network, Process};

/// Someone at a terminal.
pub(crate) struct Chat {
    process: Process,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Chat {
    /// Starts one with a client's file, to talk with an address or whoever writes first.
    pub(crate) fn start(network: &Network, file: &Path, with: Option<&str>) -> anyhow::Result<Self> {
        let mut command = network.command();
        command.args(["client", "chat", "--config"]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(with) = with {
            command.args(["--with", with]);
        }
        let mut process = Process::start(&mut command, &file.with_extension("log"))?;
        let child = process.child();
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let (sender, lines) = channel();
        // It ends with the process, or when nobody listens any more.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, input, lines })
    }

    /// A line.
    pub(crate) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{text}").context("a client does not read")
    }

    /// What it has shown since the last time. An error with its log when it has ended.
    pub(crate) fn shown(&self) -> anyhow::Result<Vec<String>> {
        let mut shown = Vec::new();
        loop {
            match self.lines.try_recv() {
                Ok(line) => shown.push(line),
                Err(TryRecvError::Empty) => return Ok(shown),
                Err(TryRecvError::Disconnected) => bail!("a client has ended: {}", self.log()),
            }
        }
    }

    /// What it says of itself.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it at once, as when a battery is empty.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill()
    }
}
