//! The compiled program that the controller loads into a P4 target.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use mimiq_contract::P4INFO_TEXT;
use serde::Deserialize;

use super::ConfigError;

/// A program in the form that its target takes: JSON for BMv2, binary for Tofino.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PathBuf")]
pub struct DeviceConfig {
    /// The file.
    pub path: PathBuf,
    bytes: Arc<[u8]>,
}

impl From<PathBuf> for DeviceConfig {
    fn from(path: PathBuf) -> Self {
        Self { path, bytes: Arc::default() }
    }
}

/// What is looked at of BMv2's JSON.
#[derive(Deserialize)]
struct Program {
    pipelines: Vec<Pipeline>,
}

#[derive(Deserialize)]
struct Pipeline {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
}

impl DeviceConfig {
    /// What the switch gets.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Reads the file; a relative path counts from `folder`.
    pub(super) fn read(&mut self, folder: &Path, field: &str) -> Result<(), ConfigError> {
        self.path = folder.join(&self.path);
        let refuse = |problem: String| ConfigError::Value {
            field: field.into(),
            value: self.path.display().to_string(),
            problem,
        };
        let bytes = fs::read(&self.path).map_err(|error| refuse(error.to_string()))?;
        if bytes.is_empty() {
            return Err(refuse("is empty".into()));
        }
        // All text is meant for BMv2, which takes any without a word and then fails at every read and write.
        if let Ok(text) = str::from_utf8(&bytes) {
            check_bmv2(text).map_err(refuse)?;
        }
        self.bytes = bytes.into();
        Ok(())
    }
}

fn check_bmv2(text: &str) -> Result<(), String> {
    let program: Program = serde_json::from_str(text).map_err(|error| format!("is no program for BMv2: {error}"))?;
    let names: HashSet<&str> =
        program.pipelines.iter().flat_map(|p| &p.tables).map(|table| table.name.as_str()).collect();
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT).map_err(|error| error.to_string())?;
    let wanted = contract.tables.iter().filter_map(|table| table.preamble.as_ref());
    match wanted.map(|p| &p.name).find(|name| !names.contains(name.as_str())) {
        Some(missing) => Err(format!("is another program: it has no table {missing}")),
        None => Ok(()),
    }
}
