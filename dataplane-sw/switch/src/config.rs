//! The configuration file.

use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use mimiq_contract::PortId;
use serde::{Deserialize, Deserializer, de::Error as _};

/// What the switch is told; everything else comes from the controller.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The P4Runtime device ID; not 0.
    pub device_id: u64,
    /// Where P4Runtime is served.
    #[serde(default = "default_listen", deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Its identity, and whom it lets in. Without it P4Runtime is neither encrypted nor authenticated.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How frames come in and go out.
    #[serde(default)]
    pub backend: Backend,
    /// The switch's ports. With none it serves P4Runtime only.
    pub ports: Vec<PortConfig>,
    /// Where `/metrics` is served; nowhere if absent.
    #[serde(default, deserialize_with = "metrics")]
    pub metrics: Option<SocketAddr>,
}

/// Files of the switch's identity, in PEM; `mimiqctl pki enrol-switch` makes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The authority of the controller's certificate.
    pub ca: PathBuf,
    /// The switch's certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How frames come in and go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// XDP sockets.
    #[default]
    AfXdp,
    /// Packet sockets: slower, for interfaces without XDP.
    AfPacket,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortConfig {
    /// Its number in the tables, 0 to 511.
    pub id: u16,
    /// The network interface.
    pub interface: String,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9559))
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    address("listen", deserializer)
}

fn metrics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    address("metrics", deserializer).map(Some)
}

/// The parser's own error says neither field nor value.
fn address<'de, D: Deserializer<'de>>(field: &str, deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("{field}: {text:?} is no address with port, such as [::1]:9559")))
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no YAML, or has unknown, missing or mistyped fields.
    #[error(transparent)]
    Syntax(#[from] serde_yaml::Error),
    /// A value is out of range or conflicts with another.
    #[error("{field}: {value}: {problem}")]
    Value {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Config {
    /// Reads YAML and checks the values. Relative paths in it count from `folder`.
    ///
    /// # Errors
    /// If it is malformed, or a value is out of range; the message names field and value.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = serde_yaml::from_str(text)?;
        config.check()?;
        if let Some(Tls { ca, certificate, key }) = &mut config.tls {
            for file in [ca, certificate, key] {
                *file = folder.join(&file);
            }
        }
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bad = |field: &str, value: &dyn ToString, problem| {
            Err(ConfigError::Value { field: field.into(), value: value.to_string(), problem })
        };
        if self.device_id == 0 {
            return bad("device_id", &self.device_id, "must not be 0");
        }
        let (mut ids, mut interfaces) = (HashSet::new(), HashSet::new());
        for (n, port) in self.ports.iter().enumerate() {
            let (id, interface) = (format!("ports[{n}].id"), format!("ports[{n}].interface"));
            if usize::from(port.id) >= PortId::COUNT {
                return bad(&id, &port.id, "the largest port is 511");
            }
            if !ids.insert(port.id) {
                return bad(&id, &port.id, "given twice");
            }
            let name = &port.interface;
            if name.is_empty() || name.len() > 15 || name.contains(|c: char| c == '/' || c.is_whitespace()) {
                return bad(&interface, name, "is no interface name (1 to 15 characters)");
            }
            if !interfaces.insert(name) {
                return bad(&interface, name, "given twice");
            }
        }
        Ok(())
    }
}
