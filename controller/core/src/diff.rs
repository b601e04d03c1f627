use std::collections::HashSet;

use mimiq_contract::{Entry, EntryKey, TableSchema as _, tables::*};

/// One change of a switch's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new entry.
    Insert(Entry),
    /// Another action for an entry that is there.
    Modify(Entry),
    /// An entry goes.
    Delete(EntryKey),
}

impl Operation {
    /// The entry it is about.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Insert(entry) | Self::Modify(entry) => entry.key(),
            Self::Delete(key) => *key,
        }
    }

    /// The change that makes `entry` so, where `present` says whether there is one with its key.
    pub fn set(entry: Entry, present: bool) -> Self {
        // A table without a key always has its default entry, and P4Runtime can only modify it (§9.1.6).
        if present || entry.key().table_id() == SwitchInfo::ID { Self::Modify(entry) } else { Self::Insert(entry) }
    }
}

/// What a switch's tables should be.
pub trait Wanted {
    /// The entry with this key, if there should be one.
    fn entry(&self, key: &EntryKey) -> Option<Entry>;
    /// Every entry that there should be, once.
    fn each(&self, visit: &mut dyn FnMut(Entry));
}

/// The changes that turn the tables from `actual` into what is wanted, each with its rank: all of a lower rank must be
/// done before any of a higher one, so that no packet passes that neither state lets pass. Ports that change are closed
/// first and opened last, and sources are denied before ports open.
pub fn diff(wanted: &impl Wanted, actual: &[Entry]) -> Vec<(u8, Operation)> {
    let mut present = HashSet::with_capacity(actual.len());
    let mut operations = Vec::new();
    let mut push = |operation: Operation| operations.push((rank(&operation), operation));
    for entry in actual {
        let key = entry.key();
        present.insert(key);
        match wanted.entry(&key) {
            Some(there) if there == *entry => {}
            Some(other) => push(Operation::set(other, true)),
            // The default entry cannot be deleted; without a desired one it does no harm.
            None if key.table_id() == SwitchInfo::ID => {}
            None => push(Operation::Delete(key)),
        }
    }
    wanted.each(&mut |entry| {
        if !present.contains(&entry.key()) {
            push(Operation::set(entry, false));
        }
    });
    operations.sort_by_key(|(rank, _)| *rank);
    operations
}

fn rank(operation: &Operation) -> u8 {
    let deleted = matches!(operation, Operation::Delete(_));
    match (operation.key().table_id(), deleted) {
        (PortRole::ID, true) => 0,
        (PortRole::ID, false) => 5,
        (DeniedSourceV6::ID | DeniedSourceV4::ID, false) => 1,
        (DeniedSourceV6::ID | DeniedSourceV4::ID, true) => 4,
        (_, true) => 2,
        (_, false) => 3,
    }
}
