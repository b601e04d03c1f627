//! The configuration file. Reading checks it completely, with the files that it names; each message names the field and the value.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mimiq_directory::{Hex32, KeyFileError, Policy, PolicyError, SigningKey};
use serde::Deserialize;

use crate::BaseUrl;

/// What an authority is told.
#[derive(Debug)]
pub struct Config {
    /// TCP address of the service.
    pub listen: SocketAddr,
    /// What the authorities have agreed on.
    pub policy: Policy,
    /// What it signs with.
    pub key: SigningKey,
    /// Its folder.
    pub data: PathBuf,
    /// The other authorities.
    pub peers: Vec<Peer>,
    /// Where Prometheus may scrape.
    pub metrics: Option<SocketAddr>,
}

/// Another authority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its key.
    pub identity: Hex32,
    /// Where it is.
    pub url: BaseUrl,
}

/// As it is written (YAML).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: SocketAddr,
    policy: PathBuf,
    key: PathBuf,
    data: PathBuf,
    peers: Vec<Peer>,
    #[serde(default)]
    metrics: Option<SocketAddr>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
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
        /// Which file.
        path: PathBuf,
        /// Why.
        error: serde_yaml::Error,
    },
    /// The policy is none.
    #[error("{path}: {error}")]
    Policy {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: PolicyError,
    },
    /// The key is none.
    #[error("key: {0}")]
    Key(#[from] KeyFileError),
    /// A value makes no sense.
    #[error("{field}: {value}: {problem}")]
    Value {
        /// The field's path.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// If a file cannot be read, or a field is missing, unknown or has no sensible value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let written: Written =
            serde_yaml::from_str(&text).map_err(|error| ConfigError::Syntax { path: path.into(), error })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let Written { listen, policy, key, data, peers, metrics } = written;
        let path = folder.join(policy);
        let policy = Policy::from_yaml(&read(&path)?).map_err(|error| ConfigError::Policy { path, error })?;
        let key = SigningKey::read(&folder.join(key))?;
        let config = Self { listen, policy, key, data: folder.join(data), peers, metrics };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |field, value: &dyn ToString, problem| Err(ConfigError::Value { field, value: value.to_string(), problem });
        let (own, authorities) = (self.key.public_key(), &self.policy.authorities);
        if !authorities.contains(&own) {
            return refuse("key", &own, "its public key is not among the policy's authorities");
        }
        let mut known = HashSet::new();
        for Peer { identity, .. } in &self.peers {
            if *identity == own {
                return refuse("peers.identity", identity, "that is this authority");
            }
            if !authorities.contains(identity) {
                return refuse("peers.identity", identity, "not among the policy's authorities");
            }
            if !known.insert(identity) {
                return refuse("peers.identity", identity, "twice");
            }
        }
        match authorities.iter().find(|authority| **authority != own && !known.contains(authority)) {
            Some(missing) => refuse("peers", missing, "an authority of the policy is missing"),
            None => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.into(), error })
}
