//! The daemon's configuration file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::policy;
use crate::proxy::ProxyConfig;

/// The largest stock worth configuring: more would only expire.
const LARGEST_STOCK: u32 = 4096;

/// What `mimiq-agent run --config FILE` reads (YAML).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The interface towards the client-facing switch.
    pub interface: String,
    /// Where applications connect to.
    pub socket: PathBuf,
    /// Who this client is, and who may serve it.
    pub pki: Pki,
    /// How many free IPv6 addresses to keep.
    pub stock: StockConfig,
    /// How many free IPv4 addresses to keep; none if absent.
    #[serde(default)]
    pub stock_ipv4: Option<StockConfig>,
    /// Where Prometheus may scrape; nowhere if absent.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
    /// When whose connections hop.
    #[serde(default)]
    pub policies: policy::Rules,
    /// A proxy for applications that know nothing of mimiq; none if absent.
    #[serde(default)]
    pub proxy: Option<ProxyConfig>,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pki {
    /// The operator's CA, which signed the controller's certificate.
    pub ca: PathBuf,
    /// This client's certificate, signed by the CA; its common name is the client's name.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Water marks of the stock.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockConfig {
    /// With fewer free addresses than this, more are acquired.
    pub low: u32,
    /// Up to this many.
    pub high: u32,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no such YAML.
    #[error("{0}")]
    Syntax(#[from] serde_yaml::Error),
    /// A value makes no sense.
    #[error("{field}: {value}: {problem}")]
    Value {
        /// The field's path.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A policy or its rule makes no sense.
    #[error(transparent)]
    Policy(#[from] policy::Problem),
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If the file cannot be read or a field is missing, unknown or has no sensible value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Self::parse(&text)
    }

    /// Parses and checks YAML.
    ///
    /// # Errors
    /// If a field is missing, unknown or has no sensible value.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_yaml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, value: &dyn ToString, problem: &str| {
            Err(ConfigError::Value { field, value: value.to_string(), problem: problem.to_owned() })
        };
        // IFNAMSIZ is 16 with the terminating zero.
        if self.interface.is_empty() || self.interface.len() > 15 {
            return refuse("interface", &self.interface, "1 to 15 characters");
        }
        if !self.socket.is_absolute() {
            return refuse("socket", &self.socket.display(), "not an absolute path");
        }
        let stocks =
            [("stock.low", "stock.high", Some(self.stock)), ("stock_ipv4.low", "stock_ipv4.high", self.stock_ipv4)];
        for (low, high, stock) in stocks {
            let Some(stock) = stock else { continue };
            if stock.low == 0 {
                return refuse(low, &stock.low, "at least 1");
            }
            if stock.high < stock.low {
                return refuse(high, &stock.high, "less than the low mark");
            }
            if stock.high > LARGEST_STOCK {
                return refuse(high, &stock.high, &format!("at most {LARGEST_STOCK}"));
            }
        }
        self.policies.check("policies")?;
        self.proxy.as_ref().map_or(Ok(()), ProxyConfig::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../mimiq-agent.example.yaml");

    #[test]
    fn the_example_is_valid() {
        let config = Config::parse(EXAMPLE).unwrap();
        assert!(config.stock.low < config.stock.high);
        assert!(config.metrics.is_some());
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (from, to, expected) in [
            ("low: 16", "low: 0", "stock.low: 0"),
            ("high: 64", "high: 8", "stock.high: 8"),
            ("high: 64", "high: 1000000", "stock.high: 1000000"),
            ("high: 64", "hihg: 64", "hihg"),
            ("# stock_ipv4: { low: 4, high: 16 }", "stock_ipv4: { low: 4, high: 1 }", "stock_ipv4.high: 1"),
            ("interface: eth0", "interface: a-name-that-is-too-long", "a-name-that-is-too-long"),
            ("socket: /run", "socket: run", "socket: run"),
            ("metrics: 127.0.0.1:9641", "metrics: here", "metrics"),
            ("every_packets: 25", "every_packets: 0", "policies[0].policy.every_packets: 0"),
            ("every_packets: 25", "evry_packets: 25", "policies[0].policy: unknown variant `evry_packets`"),
        ] {
            assert!(EXAMPLE.contains(from), "{from}");
            let error = Config::parse(&EXAMPLE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
