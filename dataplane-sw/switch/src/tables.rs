//! The tables behind Write and Read: a batch is applied and published in one go.

use std::{collections::HashMap, sync::Arc};

use mimiq_contract::{Entry, EntryKey};
use mimiq_pipeline::{DropCounters, Edit, EntryCounters, IcmpErrorMeter, TableError, TableSizes, TableWriter};
use p4runtime::{
    config::v1::{P4Info, Table, action_ref::Scope},
    v1::write_request::Atomicity,
};
use tonic::{Code, Status};

use crate::{
    error::ItemError,
    externs::Externs,
    operation::{Operation, table_name},
};

/// The sizes that the contract declares.
pub fn sizes(contract: &P4Info) -> TableSizes {
    contract.tables.iter().map(|t| (id(t), usize::try_from(t.size).unwrap_or(0))).collect()
}

fn id(table: &Table) -> u32 {
    table.preamble.as_ref().map_or(0, |p| p.id)
}

/// Tables, counters and the meter, and what the contract says of them.
pub struct Tables {
    pub(crate) writer: TableWriter,
    pub(crate) externs: Externs,
    /// The fixed default action of each table; for a table without key, its action before the first MODIFY.
    pub(crate) default_actions: HashMap<u32, u32>,
    sizes: TableSizes,
}

impl Tables {
    /// Tables that have these sizes, see [`sizes`].
    pub fn new(writer: TableWriter, drops: Arc<DropCounters>, contract: &P4Info) -> Self {
        let default = |t: &Table| t.action_refs.iter().find(|r| r.scope() == Scope::DefaultOnly).map(|r| r.id);
        Self {
            writer,
            externs: Externs::new(drops),
            default_actions: contract.tables.iter().filter_map(|t| Some((id(t), default(t)?))).collect(),
            sizes: sizes(contract),
        }
    }

    /// The meter of ICMP errors that is configured here, for the data plane.
    pub fn meter(&self) -> Arc<IcmpErrorMeter> {
        Arc::clone(&self.externs.meter)
    }

    /// Applies a batch and publishes it; one result an update. In the two atomic modes either all updates are applied
    /// or none: nothing is visible to the data plane before it is published.
    ///
    /// # Errors
    /// UNIMPLEMENTED if the atomicity is unknown.
    pub(crate) fn apply(
        &mut self,
        operations: Vec<Result<Operation, ItemError>>,
        atomicity: i32,
    ) -> Result<Vec<Result<(), ItemError>>, Status> {
        let atomicity = Atomicity::try_from(atomicity)
            .map_err(|_| Status::unimplemented(format!("atomicity: {atomicity} is unknown")))?;
        if atomicity != Atomicity::ContinueOnError {
            let trial = self.trial(&operations);
            if trial.iter().any(Result::is_err) {
                let none = || Err(ItemError::new(Code::Aborted, "not applied: another update of the batch failed"));
                return Ok(trial.into_iter().map(|result| result.and_then(|()| none())).collect());
            }
        }
        let (mut edit, externs) = (self.writer.edit(), &mut self.externs);
        let results = operations.into_iter().map(|op| execute(&mut edit, externs, &op?)).collect();
        drop(edit);
        self.writer.publish();
        Ok(results)
    }

    /// What [`execute`] would say of each operation in turn, with nothing changed.
    fn trial(&self, operations: &[Result<Operation, ItemError>]) -> Vec<Result<(), ItemError>> {
        let mut present: HashMap<EntryKey, bool> = HashMap::new();
        let mut growth: HashMap<u32, isize> = HashMap::new();
        let mut check = |key: EntryKey, before: bool, after: bool| {
            let (id, table) = (key.table_id(), table_name(key.table_id()));
            let now = present.get(&key).copied().unwrap_or_else(|| self.writer.get(&key).is_some());
            let growth = growth.entry(id).or_default();
            let error = match (now, before) {
                (true, false) => TableError::AlreadyExists { table },
                (false, true) => TableError::NotFound { table },
                (false, false) if self.writer.len(id).saturating_add_signed(*growth) >= self.sizes.get(id) => {
                    TableError::Full { table, size: self.sizes.get(id) }
                }
                _ => {
                    *growth += isize::from(after) - isize::from(now);
                    present.insert(key, after);
                    return Ok(());
                }
            };
            Err(table_error(error, &key))
        };
        let mut one = |operation: &Operation| match operation {
            Operation::Insert(entry, _) => check(entry.key(), false, true),
            // A default entry is always there.
            Operation::Modify(entry, _) if entry.to_p4().is_default_action => Ok(()),
            Operation::Modify(entry, _) => check(entry.key(), true, true),
            Operation::Delete(key) => check(*key, true, false),
            Operation::DirectCounter(key, _) => check(*key, true, true),
            Operation::ResetDefault(_) | Operation::DropCounter(..) | Operation::Meter(_) | Operation::Nothing => {
                Ok(())
            }
        };
        operations.iter().map(|op| op.as_ref().map_err(Clone::clone).and_then(&mut one)).collect()
    }

    /// Removes all entries, sets all counters to 0 and the meter back.
    pub fn clear(&mut self) {
        self.writer.clear();
        self.writer.publish();
        self.externs.set_meter(None);
        self.externs.set_drops(None, EntryCounters::default());
    }

    /// Name, number of entries and size of each table.
    pub fn occupancy(&self) -> impl Iterator<Item = (&'static str, usize, usize)> + '_ {
        Entry::TABLES.iter().map(|(id, name)| (*name, self.writer.len(*id), self.sizes.get(*id)))
    }
}

fn execute(edit: &mut Edit<'_>, externs: &mut Externs, operation: &Operation) -> Result<(), ItemError> {
    let counted = |result: Result<(), TableError>, edit: &mut Edit<'_>, key: EntryKey, counters: &Option<_>| {
        let result = match counters {
            Some(value) => result.and_then(|()| edit.set_counters(&key, *value)),
            None => result,
        };
        result.map_err(|error| table_error(error, &key))
    };
    match operation {
        Operation::Insert(entry, counters) => counted(edit.insert(entry), edit, entry.key(), counters),
        Operation::Modify(entry, counters) => counted(edit.modify(entry), edit, entry.key(), counters),
        Operation::Delete(key) => edit.delete(key).map_err(|error| table_error(error, key)),
        Operation::DirectCounter(key, Some(value)) => {
            edit.set_counters(key, *value).map_err(|error| table_error(error, key))
        }
        Operation::DirectCounter(key, None) => edit.find(key).map_err(|error| table_error(error, key)),
        Operation::ResetDefault(key) => match edit.delete(key) {
            // It is the original action already.
            Err(TableError::NotFound { .. }) => Ok(()),
            other => other.map_err(|error| table_error(error, key)),
        },
        Operation::DropCounter(index, Some(value)) => {
            externs.set_drops(*index, *value);
            Ok(())
        }
        Operation::Meter(rate) => {
            externs.set_meter(*rate);
            Ok(())
        }
        Operation::DropCounter(_, None) | Operation::Nothing => Ok(()),
    }
}

fn table_error(error: TableError, key: &EntryKey) -> ItemError {
    let code = match error {
        TableError::AlreadyExists { .. } => Code::AlreadyExists,
        TableError::NotFound { .. } => Code::NotFound,
        TableError::Full { .. } => Code::ResourceExhausted,
        TableError::Keyless { .. } | TableError::NoCounters { .. } => Code::InvalidArgument,
    };
    ItemError::new(code, format!("{error}: {key:?}"))
}
