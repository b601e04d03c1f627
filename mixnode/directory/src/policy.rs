//! What the authorities of a network have agreed on.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;

use crate::{Epochs, Hex32, Packet, Rates, Role};

/// Each authority's file (YAML): states are the same only if these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The network's name.
    pub network: String,
    /// How time is cut into key epochs.
    pub epochs: Epochs,
    /// The packets' sizes.
    pub packet: Packet,
    /// How fast traffic is sent.
    pub rates: Rates,
    /// Identities of the mixes that are admitted: those of layer 1, those of layer 2, and so on.
    pub layers: Vec<Vec<Hex32>>,
    /// The providers that are admitted.
    pub providers: Vec<AdmittedProvider>,
}

/// Who may be a provider, and under which name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmittedProvider {
    /// Its name in addresses.
    pub name: String,
    /// Its identity key.
    pub identity: Hex32,
}

/// Where in the network a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A mix of this layer.
    Layer(usize),
    /// The provider of this name.
    Provider(String),
}

/// Why a policy is none.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not a policy.
    #[error("policy: {0}")]
    Yaml(#[from] serde_yaml::Error),
    /// A node has one place.
    #[error("policy: identity {0} twice")]
    Identity(Hex32),
    /// A name is one provider's.
    #[error("policy: provider name {0:?} twice")]
    Name(String),
}

impl Policy {
    /// Reads a policy. Whether a network can be like that shows when a state is composed.
    ///
    /// # Errors
    /// If it is not YAML of this form, or admits one identity or one name twice.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = serde_yaml::from_str(text)?;
        let (mut identities, mut names) = (HashSet::new(), HashSet::new());
        for (identity, _) in policy.admitted() {
            if !identities.insert(identity) {
                return Err(PolicyError::Identity(identity));
            }
        }
        match policy.providers.iter().find(|provider| !names.insert(&provider.name)) {
            Some(twice) => Err(PolicyError::Name(twice.name.clone())),
            None => Ok(policy),
        }
    }

    /// The place of each identity.
    pub(crate) fn places(&self) -> HashMap<Hex32, Place> {
        self.admitted().collect()
    }

    fn admitted(&self) -> impl Iterator<Item = (Hex32, Place)> {
        let layers = self.layers.iter().zip(1..);
        let mixes = layers.flat_map(|(mixes, layer)| mixes.iter().map(move |mix| (*mix, Place::Layer(layer))));
        mixes.chain(self.providers.iter().map(|admitted| (admitted.identity, Place::Provider(admitted.name.clone()))))
    }
}

impl From<&Role> for Place {
    fn from(role: &Role) -> Self {
        match role {
            Role::Mix { layer } => Self::Layer(*layer),
            Role::Provider { name, .. } => Self::Provider(name.clone()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(layer) => write!(f, "a mix of layer {layer}"),
            Self::Provider(name) => write!(f, "provider {name:?}"),
        }
    }
}
