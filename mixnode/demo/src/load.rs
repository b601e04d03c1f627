//! `mimiq-mix load`: many clients in one process.

use std::fs::{self, File};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use mimiq_mix_testbed::{Metrics, Network, Process};

use crate::scale::Scale;

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
    pub(crate) mean: f64,
    /// Of about the last minute.
    pub(crate) median: f64,
    pub(crate) p99: f64,
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

    /// What it says of itself: nothing before it serves metrics.
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::of(&self.metrics).unwrap_or_default()
    }

    /// How many clients are connected.
    pub(crate) fn connected(&self) -> f64 {
        self.metrics().value("mimiq_load_connected")
    }

    /// How many clients say that the network is attacked.
    pub(crate) fn alarmed(&self) -> f64 {
        self.metrics().value("mimiq_load_alarmed")
    }

    /// Messages since an earlier moment.
    pub(crate) fn messages(&self, earlier: &Metrics) -> Messages {
        let now = self.metrics();
        let since = |name: &str| now.value(name) - earlier.value(name);
        let at = |quantile: &str| now.value(&format!("mimiq_load_latency_seconds{{quantile=\"{quantile}\"}}"));
        Messages {
            sent: since("mimiq_load_messages_total{event=\"sent\"}"),
            received: since("mimiq_load_messages_total{event=\"received\"}"),
            mean: since("mimiq_load_latency_seconds_sum") / since("mimiq_load_latency_seconds_count"),
            median: at("0.5"),
            p99: at("0.99"),
        }
    }

    /// Ends it, and gives its summary.
    pub(crate) fn finish(mut self) -> anyhow::Result<String> {
        let status = self.process.terminate()?;
        ensure!(status.success(), "the load: {status}: {}", self.process.log());
        fs::read_to_string(&self.output).with_context(|| self.output.display().to_string())
    }
}
