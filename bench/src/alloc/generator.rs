//! mimiq's load generator.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::Latency;
use crate::lab::{Namespace, release_build};

/// What `mimiq-perf --json` says, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub seconds: f64,
    pub addresses_per_second: f64,
    pub acquire: Acquire,
    pub cpu: Cpu,
}

#[derive(Debug, Deserialize)]
pub(super) struct Acquire {
    pub offered: u64,
    pub done: u64,
    pub refused: std::collections::BTreeMap<String, u64>,
    pub latency_ms: Quantiles,
}

#[derive(Debug, Deserialize)]
pub(super) struct Quantiles {
    p50: f64,
    p99: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cpu {
    pub generator: f64,
    pub watched: Vec<Watched>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Watched {
    pub name: String,
    pub cpus: f64,
}

impl Report {
    /// The share of requests that were done.
    pub(super) fn done(&self) -> f64 {
        self.acquire.done as f64 / self.acquire.offered.max(1) as f64
    }

    pub(super) fn latency(&self) -> Latency {
        Latency { p50: self.acquire.latency_ms.p50, p99: self.acquire.latency_ms.p99 }
    }
}

/// Runs it in a namespace.
pub(super) fn run(namespace: &Namespace, pki: &Path, fixed: &[&str], options: &str) -> anyhow::Result<Report> {
    let program = release_build("mimiq-perf")?;
    let [program, pki] = [&program, pki].map(|path| path.to_str().context("path"));
    let arguments = [&[program?, "--json", "--quiet", "--pki", pki?], fixed].concat();
    let arguments = [arguments, options.split(' ').collect()].concat();
    let text = namespace.output(&arguments)?;
    ensure!(text.starts_with('{'), "{}: {text}", arguments.join(" "));
    serde_json::from_str(&text).with_context(|| format!("{}: {text}", arguments.join(" ")))
}
