//! Who is to blame: loops overlap, and what the failed ones have in common is suspected.

use std::collections::HashMap;

use mimiq_sphinx::NodeId;

/// A part of the network that can be attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// All that passes a node.
    Node(NodeId),
    /// What goes from one node to another.
    Link(NodeId, NodeId),
}

/// What a loop goes through, each once: it starts and ends at the same node.
pub(crate) fn elements(path: &[NodeId]) -> Vec<Element> {
    let mut elements: Vec<Element> = path.iter().map(|node| Element::Node(*node)).collect();
    elements.extend(path.windows(2).map(|pair| Element::Link(pair[0], pair[1])));
    elements.sort_unstable();
    elements.dedup();
    elements
}

/// An element whose failure explains what was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// Which.
    pub element: Element,
    /// Loops through it.
    pub loops: u32,
    /// Of these, how many failed.
    pub failed: u32,
}

/// Nats by which a hypothesis must be behind the best one to be ruled out: a factor of 20 in likelihood.
const BEHIND: f64 = 3.0;

/// The elements whose failing explains these outcomes best, and those that do about as well; the best first. Everything else is taken to fail like an
/// honest network: a maximum-likelihood estimate with one culprit.
pub(crate) fn suspects<'a>(outcomes: impl Iterator<Item = (&'a [NodeId], bool)> + Clone, honest: f64) -> Vec<Suspect> {
    let mut through: HashMap<Element, (u32, u32)> = HashMap::new();
    let (mut loops, mut failed) = (0, 0);
    for (path, failure) in outcomes {
        for element in elements(path) {
            let counts = through.entry(element).or_default();
            counts.0 += 1;
            counts.1 += u32::from(failure);
        }
        loops += 1;
        failed += u32::from(failure);
    }
    let likelihood = |failed: u32, loops: u32, probability: f64| {
        let term = |count: u32, probability: f64| if count == 0 { 0.0 } else { f64::from(count) * probability.ln() };
        term(failed, probability) + term(loops - failed, 1.0 - probability)
    };
    let mut ranked: Vec<(f64, Suspect)> = through
        .into_iter()
        // Who fails no more than an honest one is no suspect.
        .filter(|(_, (of, failing))| f64::from(*failing) > f64::from(*of) * honest)
        .map(|(element, (of, failing))| {
            let own = likelihood(failing, of, f64::from(failing) / f64::from(of));
            let others = likelihood(failed - failing, loops - of, honest);
            (own + others, Suspect { element, loops: of, failed: failing })
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.element.cmp(&b.1.element)));
    let best = ranked.first().map_or(0.0, |(likelihood, _)| *likelihood);
    ranked.into_iter().take_while(|(likelihood, _)| best - likelihood < BEHIND).map(|(_, suspect)| suspect).collect()
}
