//! What builds packets: a directory, and tables of its nodes' keys of one epoch.

use std::collections::HashMap;
use std::sync::Arc;

use mimiq_sphinx::{Hop, NodeId, NodeKey};
use rand::Rng;

use crate::{Directory, Node};

/// A network in an epoch. Made once for each (a millisecond and a half for a node, and 30 KB, with AVX-512 62), used for many packets.
#[derive(Debug)]
pub struct Routes {
    directory: Arc<Directory>,
    epoch: u64,
    keys: HashMap<NodeId, NodeKey>,
}

impl Routes {
    /// None if the directory has not all nodes' keys of that epoch.
    #[must_use]
    pub fn new(directory: Arc<Directory>, epoch: u64) -> Option<Self> {
        let key = |node: &Node| Some((node.id(), NodeKey::new(node.key(epoch)?).ok()?));
        let keys = directory.state().nodes.iter().map(key).collect::<Option<_>>()?;
        Some(Self { directory, epoch, keys })
    }

    /// The network.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The epoch whose keys they are.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What packets say of it: the low byte.
    #[must_use]
    pub fn epoch_byte(&self) -> u8 {
        self.epoch as u8
    }

    /// The hops of a path through this network, each with a delay of its own. None if it leads elsewhere.
    pub fn hops(&self, path: &[&Node], rng: &mut impl Rng) -> Option<Vec<Hop<'_>>> {
        let hop = |node: &&Node| {
            let node = node.id();
            Some(Hop { node, key: self.keys.get(&node)?, delay: self.directory.delay(rng) })
        };
        path.iter().map(hop).collect()
    }
}
