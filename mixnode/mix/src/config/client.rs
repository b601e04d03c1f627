//! A client's file.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use mimiq_access::Token;
use mimiq_messages::OutboxConfig;
use serde::Deserialize;

use super::{ConfigError, NetworkConfig, beside, ensure, provider_name, read};

/// What `mimiq-mix client … --config FILE` reads (YAML).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The network that it uses.
    pub network: NetworkConfig,
    /// The name of its provider.
    pub provider: String,
    /// A folder for its keys and what it received: one process at a time.
    pub folder: PathBuf,
    /// What lets it register at the provider, where that is asked for.
    #[serde(default)]
    token: Option<String>,
    /// The socket of MIMIQ's agent, through which the provider is reached from changing addresses; from the host's own if absent.
    #[serde(default)]
    pub agent: Option<PathBuf>,
    /// How long to wait for an acknowledgement before a message is sent again the first time, seconds.
    #[serde(default = "timeout")]
    pub timeout_s: u64,
    /// How often a part of a message is sent at most.
    #[serde(default = "attempts")]
    pub attempts: u32,
}

/// Messages of one client that are on their way.
const MOST_MESSAGES: usize = 1_000;

fn timeout() -> u64 {
    60
}

fn attempts() -> u32 {
    8
}

impl ClientConfig {
    /// Reads and checks a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// If the file cannot be read or a field is missing, unknown or has no sensible value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = read(path)?;
        beside(path, &mut config.folder);
        config.network.trust()?;
        provider_name("provider", &config.provider)?;
        ensure((1..=86_400).contains(&config.timeout_s), "timeout_s", config.timeout_s, "not from 1 to 86400")?;
        ensure((1..=16).contains(&config.attempts), "attempts", config.attempts, "not from 1 to 16")?;
        config.token()?;
        Ok(config)
    }

    /// How messages are sent again.
    #[must_use]
    pub fn outbox(&self) -> OutboxConfig {
        OutboxConfig {
            first_timeout: self.timeout_s * 1_000_000_000,
            most_attempts: self.attempts,
            most_messages: MOST_MESSAGES,
        }
    }

    /// What lets it register.
    ///
    /// # Errors
    /// If it is no token; the value is not shown.
    pub fn token(&self) -> Result<Option<Token>, ConfigError> {
        let token = self.token.as_deref().map(Token::from_str).transpose();
        token.map_err(|error| ConfigError::Value {
            field: "token",
            value: "(secret)".to_owned(),
            wanted: error.to_string(),
        })
    }
}
