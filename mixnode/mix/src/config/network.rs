//! Which network, and whom to believe about it.

use mimiq_authority::BaseUrl;
use mimiq_directory::{Hex32, Trust};
use serde::Deserialize;

use super::{ConfigError, ensure};

/// A network and its authorities.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The network's name.
    pub name: String,
    /// So many authorities must have signed a state.
    pub threshold: usize,
    /// All of them.
    pub authorities: Vec<AuthorityAt>,
    /// How often the authorities are asked for a newer state, seconds.
    #[serde(default = "refresh")]
    pub refresh_s: u64,
}

/// An authority, and where it is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityAt {
    /// Its Ed25519 key.
    pub identity: Hex32,
    /// Where it publishes: `http://HOST:PORT`.
    pub url: BaseUrl,
}

fn refresh() -> u64 {
    60
}

impl NetworkConfig {
    /// Whom to believe.
    ///
    /// # Errors
    /// If the threshold cannot be, or an authority is named twice.
    pub fn trust(&self) -> Result<Trust, ConfigError> {
        ensure(
            (1..=64).contains(&self.name.chars().count()),
            "network.name",
            format!("{:?}", self.name),
            "not 1 to 64 characters",
        )?;
        ensure((1..=86_400).contains(&self.refresh_s), "network.refresh_s", self.refresh_s, "not from 1 to 86400")?;
        let keys = self.authorities.iter().map(|authority| authority.identity).collect();
        Trust::new(keys, self.threshold).map_err(|error| ConfigError::Value {
            field: "network.threshold",
            value: self.threshold.to_string(),
            wanted: error.to_string(),
        })
    }

    /// Where they are.
    #[must_use]
    pub fn urls(&self) -> Vec<BaseUrl> {
        self.authorities.iter().map(|authority| authority.url.clone()).collect()
    }
}
