//! `mimiq-mix load`: many clients in one process.

use std::fs::{self, File};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use mimiq_mix_testbed::{Metrics, Network, Process};

use crate::run::Run;
use crate::scale::Scale;

/// How long a process that has too much to do may take to answer, seconds.
const ANSWER: f64 = 30.0;
/// Messages that take so many times what the rates say wait for more than the network.
const MUCH: f64 = 2.0;

/// The clients.
pub(crate) struct Load {
    process: Process,
    metrics: String,
    output: std::path::PathBuf,
}

/// Messages of the load: how many, and from handing in to the recipient, seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages {
    pub(crate) sent: f64,
    pub(crate) received: f64,
    /// None if none was received.
    pub(crate) mean: Option<f64>,
    /// Of about the last minute.
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Messages {
    /// How long they took on average, with its unit.
    pub(crate) fn mean(&self) -> String {
        self.mean.map_or("–".to_owned(), |mean| format!("{mean:.2} s"))
    }

    /// Whether the machine is too slow for all clients, by what the rates say of the mean.
    pub(crate) fn are_late(&self, expected: f64) -> bool {
        self.mean.is_none_or(|mean| mean > MUCH * expected)
    }
}

impl Load {
    /// Starts them.
    pub(crate) fn start(network: &Network, scale: &Scale) -> anyhow::Result<Self> {
        let file = network.client("load", "p1")?;
        let (metrics, output) = (network.spare(1702), file.with_extension("txt"));
        let mut command = network.command();
        command.args(["load", "--clients", &scale.clients.to_string(), "--messages", &scale.messages.to_string()]);
        command.args(["--metrics", &metrics, "--config"]).arg(&file);
        command.stdin(Stdio::null()).stdout(File::create(&output).with_context(|| output.display().to_string())?);
        let process = Process::start(&mut command, &file.with_extension("log"))?;
        Ok(Self { process, metrics, output })
    }

    /// What it says of itself.
    pub(crate) fn metrics(&self, run: &Run) -> anyhow::Result<Metrics> {
        let mut metrics = None;
        run.until("the clients' process answers", ANSWER, || {
            metrics = Metrics::of(&self.metrics).ok();
            Ok(metrics.is_some())
        })?;
        Ok(metrics.unwrap_or_default())
    }

    /// How many clients are connected: none before it serves metrics.
    pub(crate) fn connected(&self) -> f64 {
        Metrics::of(&self.metrics).map_or(0.0, |metrics| metrics.value("mimiq_load_connected"))
    }

    /// How many clients say that the network is attacked.
    pub(crate) fn alarmed(&self, run: &Run) -> anyhow::Result<f64> {
        Ok(self.metrics(run)?.value("mimiq_load_alarmed"))
    }

    /// Messages since an earlier moment.
    pub(crate) fn messages(&self, run: &Run, earlier: &Metrics) -> anyhow::Result<Messages> {
        let now = self.metrics(run)?;
        let since = |name: &str| now.value(name) - earlier.value(name);
        let at = |quantile: &str| now.value(&format!("mimiq_load_latency_seconds{{quantile=\"{quantile}\"}}"));
        let count = since("mimiq_load_latency_seconds_count");
        Ok(Messages {
            sent: since("mimiq_load_messages_total{event=\"sent\"}"),
            received: since("mimiq_load_messages_total{event=\"received\"}"),
            mean: (count > 0.0).then(|| since("mimiq_load_latency_seconds_sum") / count),
            median: at("0.5"),
            p99: at("0.99"),
        })
    }

    /// Ends it, and gives its summary.
    pub(crate) fn finish(mut self) -> anyhow::Result<String> {
        let status = self.process.terminate()?;
        ensure!(status.success(), "the load: {status}: {}", self.process.log());
        fs::read_to_string(&self.output).with_context(|| self.output.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_too_slow_is_noticed() {
        let messages = |mean| Messages { sent: 9.0, received: 9.0, mean, median: 4.0, p99: 9.0 };
        assert_eq!(messages(Some(4.14)).mean(), "4.14 s");
        assert!(!messages(Some(4.14)).are_late(4.0));
        assert!(messages(Some(27.5)).are_late(4.0));
        assert_eq!(messages(None).mean(), "–");
        assert!(messages(None).are_late(4.0));
    }
}
