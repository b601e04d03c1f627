//! The `proxy:` section of the agent's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::config::ConfigError;

/// More connections to one exit than anybody needs.
const MOST_CONNECTIONS: usize = 16;

/// A proxy for the applications of this host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Where SOCKS5 is spoken, on a loopback address.
    #[serde(default)]
    pub socks: Option<SocketAddr>,
    /// Where HTTP is spoken, on a loopback address.
    #[serde(default)]
    pub http: Option<SocketAddr>,
    /// Where the connections lead to.
    pub exit: ExitConfig,
    /// How many connections to the exit share the work.
    #[serde(default = "two")]
    pub connections: usize,
}

fn two() -> usize {
    2
}

/// An exit, and how to be let in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExitConfig {
    /// Its address and port.
    pub address: SocketAddr,
    /// The name in its certificate.
    pub name: String,
    /// Who may have signed that (PEM).
    pub ca: PathBuf,
    /// A file with the token that its operator gave.
    pub token_file: PathBuf,
}

impl ProxyConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, value: &dyn ToString, problem: &str| {
            Err(ConfigError::Value { field, value: value.to_string(), problem: problem.to_owned() })
        };
        for (field, address) in [("proxy.socks", self.socks), ("proxy.http", self.http)] {
            // Whoever reaches it can use it.
            if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                return refuse(field, &address, "not a loopback address");
            }
        }
        if self.socks.is_none() && self.http.is_none() {
            return refuse("proxy", &"neither socks nor http", "nobody could use it");
        }
        if self.exit.name.is_empty() || rustls_pki_types::ServerName::try_from(self.exit.name.as_str()).is_err() {
            return refuse("proxy.exit.name", &self.exit.name, "neither a DNS name nor an address");
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return refuse("proxy.connections", &self.connections, "not 1 to 16");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    /// The example with its proxy, which is commented out there.
    fn example() -> String {
        let example = include_str!("../../mimiq-agent.example.yaml");
        let (before, section) = example.split_once("# proxy:\n").unwrap();
        let lines = section.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
        format!("{before}proxy:\n{}", lines.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_example_is_valid() {
        let proxy = Config::parse(&example()).unwrap().proxy.unwrap();
        assert_eq!(proxy.connections, super::two());
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (from, to, expected) in [
            ("socks: 127.0.0.1", "socks: 192.0.2.1", "proxy.socks: 192.0.2.1:1080"),
            ("http: 127.0.0.1:8118", "http: '[::]:8118'", "proxy.http: [::]:8118"),
            ("connections: 2", "connections: 0", "proxy.connections: 0"),
            ("name: exit.example", "name: 'a b'", "proxy.exit.name: a b"),
            ("connections: 2", "hop_every_ms: 2000", "unknown field `hop_every_ms`"),
        ] {
            assert!(example().contains(from), "{from}");
            let error = Config::parse(&example().replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
