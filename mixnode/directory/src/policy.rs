//! What the authorities of a network have agreed on.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;

use crate::check::{self, Inconsistent};
use crate::{Descriptor, Epochs, Hex32, Packet, Rates, Role, Statement, Trust, TrustError, Unfit};

/// Each authority's file (YAML): states are the same only if these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The network's name.
    pub network: String,
    /// The Ed25519 keys of the authorities, in the order in which they propose states.
    pub authorities: Vec<Hex32>,
    /// How many of them must sign.
    pub threshold: usize,
    /// How long each has for its proposal: seconds, 1 to 86400.
    pub round: u64,
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
    /// Nobody could believe what these authorities sign.
    #[error("policy: {0}")]
    Trust(#[from] TrustError),
    /// No packets can be like that, or sent like that.
    #[error("policy: {0}")]
    Traffic(#[from] Inconsistent),
    /// Rounds take time, and end.
    #[error("policy: round: {0} is not 1 to 86400 seconds")]
    Round(u64),
}

impl Policy {
    /// Reads a policy. Whether there are nodes for a network like that shows when a state is composed.
    ///
    /// # Errors
    /// If it is not YAML of this form, admits one identity or one name twice, or its authorities, rounds, packets or rates make no sense.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = serde_yaml::from_str(text)?;
        Trust::new(policy.authorities.clone(), policy.threshold)?;
        check::traffic(&policy.packet, &policy.rates)?;
        if !(1..=86_400).contains(&policy.round) {
            return Err(PolicyError::Round(policy.round));
        }
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

    /// What a descriptor says, if its node has a place in the network.
    ///
    /// # Errors
    /// If it is none, for another network, or of a node that is not admitted as what it claims to be.
    pub fn admit(&self, descriptor: &[u8]) -> Result<Statement, Unfit> {
        self.admit_to(descriptor, |identity| {
            self.admitted().find(|(other, _)| other == identity).map(|(_, place)| place)
        })
    }

    /// The same, by whatever knows places.
    pub(crate) fn admit_to(
        &self,
        descriptor: &[u8],
        place: impl FnOnce(&Hex32) -> Option<Place>,
    ) -> Result<Statement, Unfit> {
        let statement = Descriptor::open(descriptor)?;
        if statement.network != self.network {
            return Err(Unfit::Network(statement.network));
        }
        let identity = statement.node.identity;
        let admitted = place(&identity).ok_or(Unfit::NotAdmitted(identity))?;
        let claimed = Place::from(&statement.node.role);
        if claimed == admitted { Ok(statement) } else { Err(Unfit::Misplaced { identity, claimed, admitted }) }
    }

    /// The identity and the place of each node that may be in the network.
    pub fn admitted(&self) -> impl Iterator<Item = (Hex32, Place)> {
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
