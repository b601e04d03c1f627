//! Configuration files. Reading checks them completely; each message names the field and the value.

mod client;
mod network;
mod node;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use client::ClientConfig;
pub use network::{AuthorityAt, NetworkConfig};
pub use node::{Limits, MixPlace, NodeConfig, ProviderPlace};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no such YAML.
    #[error("{path}: {error}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Why.
        error: serde_yaml::Error,
    },
    /// A value makes no sense.
    #[error("{field}: {value}: {wanted}")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What may be.
        wanted: String,
    },
}

/// Reads YAML.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.into(), error })?;
    serde_yaml::from_str(&text).map_err(|error| ConfigError::Syntax { path: path.into(), error })
}

fn ensure(holds: bool, field: &'static str, value: impl Display, wanted: impl Display) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { field, value: value.to_string(), wanted: wanted.to_string() }) }
}

/// Relative paths count from the file's folder.
fn beside(file: &Path, path: &mut PathBuf) {
    *path = file.parent().unwrap_or(Path::new("")).join(&*path);
}
