//! A network that can be used: look-ups, and paths (Loopix §3.2).

use std::collections::HashMap;
use std::time::Duration;

use mimiq_sphinx::{Geometry, NodeId};
use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::{Node, Role, Seen, State};

/// What packets' delays can say.
const LONGEST_DELAY: Duration = Duration::from_secs(4000);

/// A state that was checked.
#[derive(Clone, Debug)]
pub struct Directory {
    state: State,
    geometry: Geometry,
    seen: Seen,
    by_id: HashMap<NodeId, usize>,
    /// Positions of the mixes of each layer.
    layers: Vec<Vec<usize>>,
    providers: Vec<usize>,
}

impl Directory {
    pub(crate) fn new(state: State, geometry: Geometry, layers: usize, seen: Seen) -> Self {
        let positions = |wanted: Option<usize>| -> Vec<usize> {
            let nodes = state.nodes.iter().enumerate();
            nodes.filter(|(_, node)| node.layer() == wanted).map(|(position, _)| position).collect()
        };
        let by_layer = (1..=layers).map(|layer| positions(Some(layer))).collect();
        let by_id = state.nodes.iter().enumerate().map(|(position, node)| (node.id(), position)).collect();
        let providers = positions(None);
        Self { state, geometry, seen, by_id, layers: by_layer, providers }
    }

    /// What was signed.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The sizes of the network's packets.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What to remember, so that nothing older is opened.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The node with this name in packets.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.by_id.get(id).map(|position| &self.state.nodes[*position])
    }

    /// The provider with this name in addresses.
    #[must_use]
    pub fn provider(&self, wanted: &str) -> Option<&Node> {
        self.providers().find(|node| matches!(&node.role, Role::Provider { name, .. } if name == wanted))
    }

    /// All providers.
    pub fn providers(&self) -> impl Iterator<Item = &Node> {
        self.providers.iter().map(|position| &self.state.nodes[*position])
    }

    /// A provider, each as likely: where drop cover traffic goes.
    pub fn random_provider(&self, rng: &mut impl Rng) -> Option<&Node> {
        self.pick(&self.providers, rng)
    }

    /// A path of a client's packet: its provider, a mix of each layer, the recipient's provider. Each mix of a layer is as likely, whatever
    /// other packets' paths are.
    pub fn path<'a>(&'a self, from: &'a Node, to: &'a Node, rng: &mut impl Rng) -> Vec<&'a Node> {
        let mixes = self.mixes(0..self.layers.len(), rng);
        [from].into_iter().chain(mixes).chain([to]).collect()
    }

    /// A path of a mix's own loop: a mix of each layer behind its own, a provider, one of each layer before it, itself. None of
    /// what is not a mix of this network.
    pub fn loop_path<'a>(&'a self, own: &'a Node, rng: &mut impl Rng) -> Option<Vec<&'a Node>> {
        let layer = own.layer().filter(|layer| (1..=self.layers.len()).contains(layer))?;
        let mut path = self.mixes(layer..self.layers.len(), rng);
        path.push(self.random_provider(rng)?);
        path.extend(self.mixes(0..layer - 1, rng));
        path.push(own);
        Some(path)
    }

    /// A delay at one hop: exponential with mean 1/μ.
    pub fn delay(&self, rng: &mut impl Rng) -> Duration {
        // In (0, 1], whose logarithm is finite.
        let uniform = 1.0 - rng.random::<f64>();
        let seconds = -uniform.ln() / self.state.rates.mu;
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY)
    }

    fn mixes(&self, layers: std::ops::Range<usize>, rng: &mut impl Rng) -> Vec<&Node> {
        let layers = self.layers.get(layers).unwrap_or_default();
        layers.iter().filter_map(|positions| self.pick(positions, rng)).collect()
    }

    fn pick(&self, positions: &[usize], rng: &mut impl Rng) -> Option<&Node> {
        positions.choose(rng).map(|position| &self.state.nodes[*position])
    }
}
