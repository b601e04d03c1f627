//! Who may send packets to a node, and to whom it sends them: a stratified topology (Loopix §3.2). From layer to layer, the providers in front of
//! the first and behind the last.

use std::net::SocketAddr;

use mimiq_directory::{Directory, Node};
use mimiq_sphinx::NodeId;

/// A node at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddr,
    pub(crate) link: [u8; 32],
}

/// The nodes from which packets come, and those they go to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Neighbours {
    pub(crate) before: Vec<Neighbour>,
    pub(crate) behind: Vec<Neighbour>,
}

impl Neighbours {
    /// Of a node of the network; none of what is not.
    pub(crate) fn of(own: &NodeId, directory: &Directory) -> Self {
        let Some(node) = directory.node(own) else { return Self::default() };
        let layers = directory.state().nodes.iter().filter_map(Node::layer).max().unwrap_or(0);
        // Providers are layer 0, and in place of the layer behind the last.
        let layer = node.layer().unwrap_or(0);
        let (before, behind) = ((layer + layers) % (layers + 1), (layer + 1) % (layers + 1));
        let of = |wanted: usize| {
            let nodes = directory.state().nodes.iter();
            let nodes = nodes.filter(|other| other.layer().unwrap_or(0) == wanted && other.identity != node.identity);
            nodes.map(|other| Neighbour { id: other.id(), address: other.address, link: other.link.0 }).collect()
        };
        Self { before: of(before), behind: of(behind) }
    }
}
