//! A node's file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimiq_access::AccessConfig;
use mimiq_directory::{Epochs, Packet, Role, Schedule};
use mimiq_sphinx::Geometry;
use serde::Deserialize;

use super::{ConfigError, NetworkConfig, beside, ensure, read};

/// What `mimiq-mix node run --config FILE` reads (YAML).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The network that it belongs to.
    pub network: NetworkConfig,
    /// A mix, as the authorities have admitted it. Either this or `provider`.
    #[serde(default)]
    mix: Option<MixPlace>,
    /// A provider, as the authorities have admitted it.
    #[serde(default)]
    pub provider: Option<ProviderPlace>,
    /// Where other nodes send packets to: UDP.
    pub address: SocketAddr,
    /// Where it takes them, if that is another address of its host.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Its identity (32 bytes, made by `mimiq-mix node init`).
    pub identity: PathBuf,
    /// A folder for its keys, replay logs and inboxes.
    pub data: PathBuf,
    /// The network's key epochs: as in the authorities' policy.
    pub epochs: Epochs,
    /// How long after its epoch a key is accepted, seconds.
    pub grace_s: u64,
    /// The network's packets: as in the authorities' policy.
    #[serde(default = "packet")]
    pub packet: Packet,
    /// What it takes on.
    #[serde(default)]
    pub limits: Limits,
    /// Where Prometheus may scrape; nowhere if absent.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
}

/// A mix.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixPlace {
    /// Its layer, 1 being the one behind the providers.
    pub layer: usize,
}

/// A provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderPlace {
    /// Its name in addresses.
    pub name: String,
    /// Where clients connect to: UDP.
    pub address: SocketAddr,
    /// Where it takes their connections, if that is another address of its host.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Its clients.
    pub access: AccessConfig,
}

/// What a node takes on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Packets whose delay is not over.
    pub queue: u32,
    /// Packets in an epoch.
    pub packets_per_epoch: usize,
    /// The longest delay, seconds.
    pub longest_delay_s: u64,
    /// Under overload packets wait so long for being unwrapped, milliseconds.
    pub overload_wait_ms: u64,
    /// Of the kernel's buffers, bytes.
    pub socket_buffer: usize,
}

impl Default for Limits {
    /// 77 MB for packets that wait, and 79 MB for the tags of each of up to three epochs.
    fn default() -> Self {
        Self {
            queue: 65_536,
            packets_per_epoch: 4_194_304,
            longest_delay_s: 600,
            overload_wait_ms: 50,
            socket_buffer: 4 << 20,
        }
    }
}

/// As the crate for packets has it.
fn packet() -> Packet {
    let geometry = Geometry::default();
    Packet { hops: geometry.hops(), payload: geometry.payload_len() }
}

impl NodeConfig {
    /// Reads and checks a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// If the file cannot be read or a field is missing, unknown or has no sensible value.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = read(path)?;
        beside(path, &mut config.identity);
        beside(path, &mut config.data);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.network.trust()?;
        self.schedule()?;
        self.geometry()?;
        let somewhere = |field, address: &SocketAddr| {
            let nowhere = address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast();
            ensure(!nowhere, field, address, "others cannot send there")
        };
        somewhere("address", &self.address)?;
        match (&self.mix, &self.provider) {
            (Some(MixPlace { layer }), None) => {
                ensure((1..=10).contains(layer), "mix.layer", layer, "not from 1 to 10")?
            }
            (None, Some(provider)) => {
                somewhere("provider.address", &provider.address)?;
                provider.access.check().map_err(|error| ConfigError::Value {
                    field: "provider.access",
                    value: format!("{}: {}", error.field, error.value),
                    wanted: error.wanted.to_owned(),
                })?;
            }
            (Some(_), Some(_)) => ensure(false, "mix", "present", "provider is as well, and a node is one of the two")?,
            (None, None) => ensure(false, "mix", "absent", "provider is as well, and a node is one of the two")?,
        }
        let Limits { queue, packets_per_epoch, longest_delay_s, overload_wait_ms, socket_buffer } = self.limits;
        ensure((1..=16 << 20).contains(&queue), "limits.queue", queue, "not from 1 to 16777216")?;
        let most = 1 << 30;
        ensure(
            (1..=most).contains(&packets_per_epoch),
            "limits.packets_per_epoch",
            packets_per_epoch,
            "not from 1 to 2^30",
        )?;
        ensure(
            (1..=4_000).contains(&longest_delay_s),
            "limits.longest_delay_s",
            longest_delay_s,
            "not from 1 to 4000",
        )?;
        ensure(
            (1..=10_000).contains(&overload_wait_ms),
            "limits.overload_wait_ms",
            overload_wait_ms,
            "not from 1 to 10000",
        )?;
        ensure(
            (65_536..=1 << 30).contains(&socket_buffer),
            "limits.socket_buffer",
            socket_buffer,
            "not from 65536 to 2^30",
        )
    }

    /// When keys come and go.
    ///
    /// # Errors
    /// If epochs take no time, or the grace is longer than one.
    pub fn schedule(&self) -> Result<Schedule, ConfigError> {
        Schedule::new(self.epochs, self.grace_s).map_err(|error| ConfigError::Value {
            field: "grace_s",
            value: self.grace_s.to_string(),
            wanted: error.to_string(),
        })
    }

    /// The packets' sizes.
    ///
    /// # Errors
    /// If packets cannot have them.
    pub fn geometry(&self) -> Result<Geometry, ConfigError> {
        let Packet { hops, payload } = self.packet;
        Geometry::new(hops, payload).map_err(|error| ConfigError::Value {
            field: "packet",
            value: format!("{hops} hops, {payload} bytes"),
            wanted: error.to_string(),
        })
    }

    /// As the directory says it.
    #[must_use]
    pub fn role(&self) -> Role {
        match (&self.provider, &self.mix) {
            (Some(ProviderPlace { name, address, .. }), _) => Role::Provider { name: name.clone(), access: *address },
            // One of the two is there.
            (None, mix) => Role::Mix { layer: mix.map_or(0, |mix| mix.layer) },
        }
    }

    /// The longest delay.
    #[must_use]
    pub fn longest_delay(&self) -> Duration {
        Duration::from_secs(self.limits.longest_delay_s)
    }

    /// How long packets wait under overload.
    #[must_use]
    pub fn overload_wait(&self) -> Duration {
        Duration::from_millis(self.limits.overload_wait_ms)
    }
}
