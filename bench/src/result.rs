//! What was measured, beside its peer.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;

/// One line of `results.json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    /// What was measured.
    pub name: String,
    /// The measured value; smaller is better.
    pub value: f64,
    /// The unit of both values.
    pub unit: &'static str,
    /// What it is compared with: another implementation, measured in the same run, or the mark the project set itself.
    pub peer: String,
    /// The peer's value.
    pub peer_value: f64,
    /// `value / peer_value`.
    pub ratio: f64,
}

impl Measurement {
    /// Beside another implementation.
    pub(crate) fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        peer: impl Into<String>,
        peer_value: f64,
    ) -> Self {
        Self { name: name.into(), value, unit, peer: peer.into(), peer_value, ratio: value / peer_value }
    }

    /// Beside the largest value that is good enough.
    pub(crate) fn with_mark(name: impl Into<String>, value: f64, unit: &'static str, mark: f64) -> Self {
        Self::new(name, value, unit, "mark", mark)
    }

    /// Prints it as one line of a table.
    pub(crate) fn print(&self) {
        let Self { name, value, unit, peer, peer_value, ratio } = self;
        let verdict = match (peer.as_str(), *ratio <= 1.0) {
            ("mark", true) => "  met",
            ("mark", false) => "  MISSED",
            _ => "",
        };
        println!(
            "{name:<44} {value:>9.2} {unit:<3} {peer:>44} {peer_value:>9.2} {unit:<3} ratio {ratio:>6.3}{verdict}"
        );
    }
}

/// Writes the list as JSON; makes the directory where it is missing.
pub(crate) fn write(path: &Path, results: &[Measurement]) -> anyhow::Result<()> {
    let written = || -> anyhow::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(path, serde_json::to_string_pretty(results)? + "\n")?)
    };
    written().with_context(|| format!("out: cannot write {}", path.display()))
}

/// The value in the middle; of an even number the higher one. 0 of none.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of them is. 0 of none.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * share) as usize).copied().unwrap_or(0.0)
}
