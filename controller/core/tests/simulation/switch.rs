//! A switch as a controller sees it: tables, and a connection that may break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mimiq_contract::{Entry, EntryKey, TableSchema as _, tables::SwitchInfo};
use mimiq_core::{Fault, Operation, SwitchId, SwitchSpec};
use rand::Rng;

pub(crate) struct SimSwitch {
    pub(crate) spec: SwitchSpec,
    pub(crate) tables: BTreeMap<EntryKey, Entry>,
    pub(crate) reachable: bool,
    /// In the present controller.
    pub(crate) id: Option<SwitchId>,
    pub(crate) connection: Option<u64>,
    pub(crate) connections: u64,
    pub(crate) inbox: VecDeque<Vec<Operation>>,
    /// It lost its entries and has not been put right since.
    pub(crate) emptied: bool,
    /// It has what it had in an earlier life, or before it was removed: this controller has not put it right yet.
    pub(crate) stale: bool,
}

impl SimSwitch {
    pub(crate) fn new(spec: SwitchSpec) -> Self {
        Self {
            spec,
            tables: BTreeMap::new(),
            reachable: true,
            id: None,
            connection: None,
            connections: 0,
            inbox: VecDeque::new(),
            emptied: false,
            stale: false,
        }
    }

    /// As a session does it: an entry that is there already, or gone already, is no error.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Insert(entry) | Operation::Modify(entry) => {
                self.tables.insert(entry.key(), *entry);
            }
            Operation::Delete(key) => {
                assert_ne!(key.table_id(), SwitchInfo::ID, "a default entry cannot be deleted");
                self.tables.remove(key);
            }
        }
    }

    /// Carries out the oldest write; some updates may be refused.
    pub(crate) fn carry_out(&mut self, rng: &mut impl Rng, refusals: f64) -> Option<Vec<Fault>> {
        let operations = self.inbox.pop_front()?;
        let mut faults = Vec::new();
        let unlucky = rng.random_bool(refusals);
        for (index, operation) in operations.iter().enumerate() {
            if unlucky && rng.random_bool(0.3) {
                faults.push(Fault { index, operation: *operation, code: 8, message: "full".into() });
            } else {
                self.apply(operation);
            }
        }
        Some(faults)
    }

    /// The connection breaks: of what was under way some has been done, and nobody hears of it. Writes that have no entry in
    /// common were perhaps done at the same time. Nothing is done later: the next connection's election ID is higher.
    pub(crate) fn break_off(&mut self, rng: &mut impl Rng) {
        let (mut before, mut all) = (BTreeSet::new(), true);
        for operations in std::mem::take(&mut self.inbox) {
            let keys: Vec<_> = operations.iter().map(Operation::key).collect();
            if !all && keys.iter().any(|key| before.contains(key)) {
                break;
            }
            let done = rng.random_range(0..=operations.len());
            for operation in &operations[..done] {
                self.apply(operation);
            }
            all &= done == operations.len();
            before.extend(keys);
        }
        self.connection = None;
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.tables.values().copied().collect()
    }
}
