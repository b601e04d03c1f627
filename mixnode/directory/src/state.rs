//! What authorities sign: JSON, in which every field must be known.

use std::net::SocketAddr;

use mimiq_sphinx::NodeId;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::Hex32;

/// All that nodes and clients of a network must agree on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The network's name: 1 to 64 characters.
    pub network: String,
    /// Grows with each state.
    pub serial: u64,
    /// From when on it counts: seconds since 1970.
    pub valid_after: u64,
    /// And until when.
    pub valid_until: u64,
    /// How time is cut into key epochs.
    pub epochs: Epochs,
    /// The packets' sizes.
    pub packet: Packet,
    /// How fast traffic is sent.
    pub rates: Rates,
    /// The mixes and providers.
    pub nodes: Vec<Node>,
}

/// Epoch 0 begins at `genesis`, and each lasts as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epochs {
    /// Seconds since 1970.
    pub genesis: u64,
    /// Seconds.
    pub length: u64,
}

impl Epochs {
    /// The epoch at a time (seconds since 1970); none before the first, or if epochs have no length.
    #[must_use]
    pub fn at(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.genesis)?.checked_div(self.length)
    }

    /// When an epoch begins (seconds since 1970), if a `u64` can say it.
    #[must_use]
    pub fn start(&self, epoch: u64) -> Option<u64> {
        epoch.checked_mul(self.length)?.checked_add(self.genesis)
    }
}

/// Sizes of Sphinx packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packet {
    /// The longest path.
    pub hops: usize,
    /// Bytes of payload.
    pub payload: usize,
}

/// Rates of Poisson processes (Loopix Table 2), and how clients get their messages.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// μ: a node delays a packet by 1/μ seconds in the mean.
    pub mu: f64,
    /// λ_P: payload (or drops in place of it) per second and client.
    pub lambda_p: f64,
    /// λ_L: loops per second and client.
    pub lambda_l: f64,
    /// λ_D: drops per second and client.
    pub lambda_d: f64,
    /// λ_M: loops per second and mix.
    pub lambda_m: f64,
    /// Pulls per second and client, at a fixed rate.
    pub pull: f64,
    /// Messages in the answer to each pull, dummies included.
    pub messages_per_pull: u32,
}

/// A mix or a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its Ed25519 key, from which its name follows.
    pub identity: Hex32,
    /// Where it takes packets from other nodes: UDP.
    pub address: SocketAddr,
    /// Its X25519 key for links to other nodes, which no packet is made for.
    pub link: Hex32,
    /// What it does.
    pub role: Role,
    /// Its X25519 keys for packets, in the order of their epochs.
    pub keys: Vec<KeyOf>,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// It mixes.
    Mix {
        /// In which layer: 1 is the one behind the providers.
        layer: usize,
    },
    /// It serves clients.
    Provider {
        /// Its name in addresses: 1 to 32 lower-case letters, digits, and hyphens.
        name: String,
        /// Where it takes its clients' connections: UDP.
        access: SocketAddr,
    },
}

/// A key of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOf {
    /// Which.
    pub epoch: u64,
    /// The X25519 public key.
    pub key: Hex32,
}

impl Node {
    /// Its name in packets: the first 16 bytes of SHA-256 of its identity key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        let mut id = NodeId::default();
        id.iter_mut().zip(digest(&SHA256, &self.identity.0).as_ref()).for_each(|(to, from)| *to = *from);
        id
    }

    /// Its key of an epoch.
    #[must_use]
    pub fn key(&self, epoch: u64) -> Option<mimiq_sphinx::PublicKey> {
        self.keys.iter().find(|key| key.epoch == epoch).map(|key| key.key.0.into())
    }

    /// Its layer, if it is a mix.
    #[must_use]
    pub fn layer(&self) -> Option<usize> {
        match self.role {
            Role::Mix { layer } => Some(layer),
            Role::Provider { .. } => None,
        }
    }
}
