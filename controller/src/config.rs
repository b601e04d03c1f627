//! The configuration file. Reading checks it completely, so that what is wrong shows before anything starts; each
//! message names the field and the value.

mod check;
mod device_config;
mod limits;
mod policy;
mod pool;
mod values;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnetwork::IpNetwork;
use mimiq_contract::{MacAddr, Role};
use serde::Deserialize;

pub use device_config::DeviceConfig;
pub use limits::Limits;
pub use pool::{Codec, Pool};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is no such YAML; says line, field and value.
    #[error(transparent)]
    Yaml(#[from] serde_yaml::Error),
    /// A value that is not allowed, alone or together with others.
    #[error("{field}: {value}: {problem}")]
    Value {
        /// Path of the field.
        field: String,
        /// What the file says.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The controller's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the switches send wrapped frames to: an address of the fabric and the relay port.
    #[serde(deserialize_with = "values::parsed")]
    pub relay: SocketAddrV6,
    /// What must survive a restart.
    pub state_file: PathBuf,
    /// The controller's identity.
    pub pki: Pki,
    /// Where metrics and health are served over HTTP, if at all.
    #[serde(default, deserialize_with = "values::some_parsed")]
    pub http: Option<SocketAddr>,
    /// Where operators' commands are served over gRPC with TLS, if at all.
    #[serde(default, deserialize_with = "values::some_parsed")]
    pub admin: Option<SocketAddr>,
    /// The addresses given to clients.
    pub pools: Vec<Pool>,
    /// Aliases of each client-facing switch in one epoch, in each pool that has aliases.
    #[serde(default = "aliases_per_sid")]
    pub aliases_per_sid: u16,
    /// Lifetimes.
    pub timing: Timing,
    /// What clients may have and do.
    #[serde(default)]
    pub limits: Limits,
    /// The switches.
    pub switches: Vec<Switch>,
    /// The file that it was read from; empty if from a text.
    #[serde(skip)]
    pub file: PathBuf,
}

/// Files of the controller's identity, in PEM; `mimiqctl pki init` makes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pki {
    /// The authority that enrols clients.
    pub ca: PathBuf,
    /// The controller's certificate, for the DNS name `mimiq-controller`.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority's list of revoked certificates, if there is one.
    #[serde(default)]
    pub crl: Option<PathBuf>,
}

fn aliases_per_sid() -> u16 {
    16
}

/// Lifetimes and epochs, in the paper's terms; written like `30s` or `1500ms`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// How long a client may send from an address, drawn per set.
    pub t_ip: Range,
    /// How much longer packets to it are delivered.
    #[serde(deserialize_with = "values::duration")]
    pub t_remove: Duration,
    /// How long an alias epoch lasts.
    #[serde(deserialize_with = "values::duration")]
    pub t_sid: Duration,
    /// For how many epochs an alias stays valid.
    pub k: u32,
    /// How long an address rests before it is drawn again.
    #[serde(deserialize_with = "values::duration")]
    pub cool_down: Duration,
}

/// The bounds that a duration is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// At least.
    #[serde(deserialize_with = "values::duration")]
    pub min: Duration,
    /// At most.
    #[serde(deserialize_with = "values::duration")]
    pub max: Duration,
}

/// One switch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Its name in logs and metrics.
    pub name: String,
    /// P4Runtime's device ID.
    pub device_id: u64,
    /// Where its P4Runtime server listens, `http://HOST:PORT`.
    pub p4runtime: String,
    /// The compiled program, for a switch that has none of its own: BMv2 and Tofino, but not the software switch.
    #[serde(default)]
    pub device_config: Option<DeviceConfig>,
    /// Its SID, if clients are connected to it.
    #[serde(default)]
    pub sid: Option<u16>,
    /// Whether it is an edge switch: connected to the Internet, knows pools and aliases.
    #[serde(default)]
    pub edge: bool,
    /// Source of the frames it sends to clients and, unless a route says otherwise, to next hops.
    #[serde(deserialize_with = "values::mac")]
    pub mac: MacAddr,
    /// Its internal address, source and destination of tunnels.
    #[serde(deserialize_with = "values::parsed")]
    pub tunnel_addr: Ipv6Addr,
    /// Source of its ICMPv6 errors.
    #[serde(deserialize_with = "values::parsed")]
    pub icmp_addr_v6: Ipv6Addr,
    /// Source of its ICMP errors.
    #[serde(deserialize_with = "values::parsed")]
    pub icmp_addr_v4: Ipv4Addr,
    /// The largest IP packet that the fabric carries, bytes.
    pub fabric_mtu: u16,
    /// What its ports are connected to.
    pub ports: Vec<Port>,
    /// Addresses it answers ARP and neighbour solicitations for, besides those it has anyway.
    #[serde(default)]
    pub gateways: Vec<Gateway>,
    /// Its routes.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Sources that must not arrive from the Internet, besides the pools; edge switches only.
    #[serde(default, deserialize_with = "values::all_parsed")]
    pub denied_sources: Vec<IpNetwork>,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its number.
    pub id: u16,
    /// What it is connected to.
    #[serde(deserialize_with = "values::role")]
    pub role: Role,
}

/// An address that a switch answers for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// On ports of this role.
    #[serde(deserialize_with = "values::role")]
    pub role: Role,
    /// The address asked for.
    #[serde(deserialize_with = "values::parsed")]
    pub address: IpAddr,
    /// The answer; the switch's own without it.
    #[serde(default, deserialize_with = "values::some_mac")]
    pub mac: Option<MacAddr>,
}

/// A route with its next hop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The destinations.
    #[serde(deserialize_with = "values::parsed")]
    pub prefix: IpNetwork,
    /// The egress port.
    pub port: u16,
    /// The frames' source; the switch's own without it.
    #[serde(default, deserialize_with = "values::some_mac")]
    pub src_mac: Option<MacAddr>,
    /// The neighbour.
    #[serde(deserialize_with = "values::mac")]
    pub next_hop_mac: MacAddr,
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// If the file cannot be read or says what is not allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let config = Self::parse(&text, path.parent().unwrap_or(Path::new("")))?;
        Ok(Self { file: path.into(), ..config })
    }

    /// Reads and checks a text, and the programs that it names. Relative paths in it count from `folder`.
    ///
    /// # Errors
    /// If it says what is not allowed.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = serde_yaml::from_str(text)?;
        check::check(&config)?;
        for file in [&mut config.state_file, &mut config.pki.ca, &mut config.pki.certificate, &mut config.pki.key] {
            *file = folder.join(&file);
        }
        if let Some(crl) = &mut config.pki.crl {
            *crl = folder.join(&crl);
        }
        for (index, switch) in config.switches.iter_mut().enumerate() {
            if let Some(program) = &mut switch.device_config {
                program.read(folder, &format!("switches[{index}].device_config"))?;
            }
        }
        Ok(config)
    }

    /// The largest packet that clients may send, bytes: what every switch's fabric carries behind an outer header.
    pub fn client_mtu(&self) -> u16 {
        self.switches.iter().map(|s| s.fabric_mtu).min().unwrap_or(0).saturating_sub(40)
    }
}
