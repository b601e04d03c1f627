//! A switch as a controller sees it: tables, and a connection that may break.

use std::collections::{BTreeMap, VecDeque};

use mimiq_contract::{Entry, EntryKey, TableSchema as _, tables::SwitchInfo};
use mimiq_core::{Fault, Operation, SwitchId, SwitchSpec};
use rand::Rng;

pub struct SimSwitch {
    pub spec: SwitchSpec,
    pub tables: BTreeMap<EntryKey, Entry>,
    pub reachable: bool,
    /// In the present controller.
    pub id: Option<SwitchId>,
    pub connection: Option<u64>,
    pub connections: u64,
    pub inbox: VecDeque<Vec<Operation>>,
    /// It lost its entries and has not been put right since.
    pub emptied: bool,
}

impl SimSwitch {
    pub fn new(spec: SwitchSpec) -> Self {
        Self {
            spec,
            tables: BTreeMap::new(),
            reachable: true,
            id: None,
            connection: None,
            connections: 0,
            inbox: VecDeque::new(),
            emptied: false,
        }
    }

    /// As a session does it: an entry that is there already, or gone already, is no error.
    pub fn apply(&mut self, operation: &Operation) {
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
    pub fn carry_out(&mut self, rng: &mut impl Rng, refusals: f64) -> Option<Vec<Fault>> {
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

    /// The connection breaks: of what was under way some has been done, in order, and nobody hears of it. Nothing is done
    /// later: the next connection's election ID is higher.
    pub fn break_off(&mut self, rng: &mut impl Rng) {
        let under_way: Vec<Operation> = self.inbox.drain(..).flatten().collect();
        let done = rng.random_range(0..=under_way.len());
        for operation in &under_way[..done] {
            self.apply(operation);
        }
        self.connection = None;
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.tables.values().copied().collect()
    }
}
