//! What nodes have said last.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use mimiq_directory::{Descriptor, Hex32, Policy, Statement, Unfit};

/// Of each admitted node what it said with its largest number: one descriptor, or two that differ, which prove that it lies. More would prove no
/// more, so that memory is bounded by the policy.
#[derive(Debug, Default)]
pub struct Descriptors {
    by_node: BTreeMap<Hex32, Vec<Said>>,
    /// What need not be checked again when others pass it on.
    known: HashSet<Arc<[u8]>>,
    version: u64,
}

#[derive(Clone, Debug)]
struct Said {
    bytes: Arc<[u8]>,
    statement: Statement,
}

/// What a node has said last, to be stored and then to be put in.
#[derive(Debug)]
pub struct Change {
    identity: Hex32,
    said: Vec<Said>,
}

impl Change {
    /// Whose.
    #[must_use]
    pub fn identity(&self) -> Hex32 {
        self.identity
    }

    /// All that is to be stored of this node, as JSON.
    pub fn descriptors(&self) -> impl Iterator<Item = &[u8]> {
        self.said.iter().map(|said| &*said.bytes)
    }

    /// If the node has said two things with one number, the number.
    #[must_use]
    pub fn equivocation(&self) -> Option<u64> {
        self.said.get(1).map(|second| second.statement.sequence)
    }
}

impl Descriptors {
    /// What a descriptor changes: nothing if it is known.
    ///
    /// # Errors
    /// If it does not count: no descriptor of an admitted node, an old one, or one more with a number that has two already.
    pub fn consider(&self, policy: &Policy, descriptor: &Descriptor) -> Result<Option<Change>, Unfit> {
        // Written anew, so that one descriptor has one form. Text and digits can always be written.
        let bytes: Arc<[u8]> = serde_json::to_vec(descriptor).unwrap_or_default().into();
        if self.known.contains(&bytes) {
            return Ok(None);
        }
        let statement = policy.admit(&bytes)?;
        let identity = statement.node.identity;
        let before = self.by_node.get(&identity).map_or(&[][..], Vec::as_slice);
        let newest = before.first().map(|said| said.statement.sequence);
        let said = Said { bytes, statement };
        match newest {
            Some(newest) if said.statement.sequence < newest => {
                Err(Unfit::Old { identity, sequence: said.statement.sequence, newest })
            }
            // It is not kept, so that nobody may believe that it was taken.
            Some(newest) if said.statement.sequence == newest && before.len() > 1 => {
                Err(Unfit::Equivocation { identity, sequence: newest })
            }
            Some(newest) if said.statement.sequence == newest => {
                let known = before.iter().any(|other| other.statement == said.statement);
                let both = || Change { identity, said: before.iter().cloned().chain([said]).collect() };
                Ok((!known).then(both))
            }
            _ => Ok(Some(Change { identity, said: vec![said] })),
        }
    }

    /// Puts in what was stored.
    pub fn apply(&mut self, change: Change) {
        let Change { identity, said } = change;
        self.known.extend(said.iter().map(|said| said.bytes.clone()));
        for old in self.by_node.insert(identity, said.clone()).unwrap_or_default() {
            if said.iter().all(|new| new.bytes != old.bytes) {
                self.known.remove(&old.bytes);
            }
        }
        self.version += 1;
    }

    /// All, as JSON.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<[u8]>> {
        self.by_node.values().flatten().map(|said| said.bytes.clone()).collect()
    }

    /// Grows with each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}
