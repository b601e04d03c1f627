//! The configuration file. Reading checks it completely; each message names the field and the value.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnetwork::IpNetwork;
use serde::Deserialize;

use crate::destination::{Policy, PortRange};
use crate::users::{User, Users};

/// What `mimiq-exit run --config FILE` reads (YAML).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// UDP address of the proxy.
    pub listen: SocketAddr,
    /// Its identity.
    pub tls: TlsFiles,
    /// Who may use it.
    pub users: Vec<User>,
    /// Where tunnels may lead to.
    #[serde(default)]
    pub destinations: Destinations,
    /// What users may have and do.
    #[serde(default)]
    pub limits: Limits,
    /// UDP payload of the first packets on a new path, bytes. After a hop QUIC knows nothing of the path, and with its usual 1200 bytes no
    /// datagram could carry the packets of a QUIC connection inside, which are as large, until the path has been probed. Where
    /// they get lost, QUIC goes back to 1200.
    #[serde(default = "first_packets")]
    pub first_packets: u16,
    /// Where Prometheus may scrape; nowhere if absent.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
}

/// What fits through most tunnels, and leaves room for 1280 bytes inside.
fn first_packets() -> u16 {
    1350
}

/// PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where tunnels may lead to, besides what `allow` and `deny` say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Destinations {
    /// Ports, such as `443` or `1024-65535`; TCP's and UDP's alike.
    pub ports: Vec<PortRange>,
    /// Prefixes that are refused.
    pub deny: Vec<IpNetwork>,
    /// Prefixes that are not for everybody (private, loopback and so on), and are allowed nevertheless.
    pub allow: Vec<IpNetwork>,
}

impl Default for Destinations {
    /// All but SMTP, which would make the exit a relay for spam.
    fn default() -> Self {
        Self { ports: vec![PortRange(1, 24), PortRange(26, 65535)], deny: vec![], allow: vec![] }
    }
}

/// What users may have at a time, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of all users, and of those that have not said who they are.
    pub connections: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// TCP tunnels of one user.
    pub tcp_tunnels_per_user: usize,
    /// UDP tunnels of one user.
    pub udp_tunnels_per_user: usize,
    /// To resolve a name and connect, seconds.
    pub connect_timeout_s: u64,
    /// Without a byte, seconds.
    pub tcp_idle_timeout_s: u64,
    /// Without a packet, seconds.
    pub udp_idle_timeout_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_user: 16,
            tcp_tunnels_per_user: 512,
            udp_tunnels_per_user: 128,
            connect_timeout_s: 10,
            // What NATs should keep TCP connections for (RFC 5382 §5).
            tcp_idle_timeout_s: 7440,
            // At least two minutes (RFC 9298 §3.1).
            udp_idle_timeout_s: 120,
        }
    }
}

impl Limits {
    /// To resolve a name and connect.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s)
    }

    /// Without a byte.
    #[must_use]
    pub fn tcp_idle(&self) -> Duration {
        Duration::from_secs(self.tcp_idle_timeout_s)
    }

    /// Without a packet.
    #[must_use]
    pub fn udp_idle(&self) -> Duration {
        Duration::from_secs(self.udp_idle_timeout_s)
    }
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
        problem: &'static str,
    },
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// If the file cannot be read or a field is missing, unknown or has no sensible value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let mut config = Self::parse(&text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in [&mut config.tls.certificate, &mut config.tls.key] {
            *file = folder.join(&*file);
        }
        Ok(config)
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

    /// Who may use the exit.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(&self.users)
    }

    /// Where tunnels may lead to.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let Destinations { ports, deny, allow } = self.destinations.clone();
        Policy { ports, deny, allow }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |field, value: &dyn ToString, problem| Err(ConfigError::Value { field, value: value.to_string(), problem });
        let (mut names, mut tokens) = (HashSet::new(), HashSet::new());
        for user in &self.users {
            if user.name.is_empty() || !names.insert(&user.name) {
                return refuse("users.name", &user.name, "empty, or two users have it");
            }
            if !tokens.insert(&user.token_sha256) {
                return refuse("users.token_sha256", &user.name, "two users have the same token");
            }
        }
        if self.destinations.ports.is_empty() {
            return refuse("destinations.ports", &"[]", "no port at all");
        }
        if !(1200..=1452).contains(&self.first_packets) {
            return refuse("first_packets", &self.first_packets, "not 1200 to 1452");
        }
        let limits = &self.limits;
        for (field, value) in [
            ("limits.connections", limits.connections as u64),
            ("limits.connections_per_user", limits.connections_per_user as u64),
            ("limits.connect_timeout_s", limits.connect_timeout_s),
            ("limits.tcp_idle_timeout_s", limits.tcp_idle_timeout_s),
            ("limits.udp_idle_timeout_s", limits.udp_idle_timeout_s),
        ] {
            if !(1..=1_000_000).contains(&value) {
                return refuse(field, &value, "not 1 to 1000000");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = include_str!("../mimiq-exit.example.yaml");

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config = Config::parse(EXAMPLE).unwrap();
        assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
        assert_eq!(config.destinations.ports, Destinations::default().ports);
        assert_eq!(config.first_packets, first_packets());
        assert_eq!(config.users.len(), 1);
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (from, to, expected) in [
            ("connections: 1024", "connections: 0", "limits.connections: 0"),
            ("connections: 1024", "conections: 1024", "conections"),
            ("first_packets: 1350", "first_packets: 1199", "first_packets: 1199"),
            ("1-24", "24-1", "24-1"),
            ("1-24", "0-24", "0-24"),
            ("token_sha256: ", "token_sha256: a", "not 64 hexadecimal digits"),
            ("name: alice", "name: ''", "users.name"),
            ("listen: \"[::]:443\"", "listen: everywhere", "listen"),
            ("deny: []", "deny: [10.0.0.0/33]", "destinations.deny"),
        ] {
            assert!(EXAMPLE.contains(from), "{from}");
            let error = Config::parse(&EXAMPLE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn damaged_examples_are_read_or_refused(at in 0..EXAMPLE.len(), text in "\\PC{0,10}") {
            let mut damaged = EXAMPLE.to_owned();
            if damaged.is_char_boundary(at) {
                damaged.insert_str(at, &text);
            }
            let _ = Config::parse(&damaged);
        }
    }
}
