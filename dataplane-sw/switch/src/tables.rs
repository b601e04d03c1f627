//! The tables behind Write and Read: a batch is applied and published in one go.

use std::{collections::HashMap, sync::Arc};

use mimiq_contract::{DropReason, Entry, EntryKey};
use mimiq_pipeline::{DropCounters, EntryCounters, IcmpErrorMeter, MeterRate, TableError, TableSizes, TableWriter};
use p4runtime::{
    config::v1::{P4Info, Table, action_ref::Scope},
    v1::{Update, write_request::Atomicity},
};
use tonic::{Code, Status};

use crate::{
    error::ItemError,
    operation::{DROP_COUNTER_SIZE, Operation, table_name},
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
    drops: Arc<DropCounters>,
    /// What is taken off the data plane's counts, which only grow.
    drop_offsets: [EntryCounters; DROP_COUNTER_SIZE],
    /// The fixed default action of each table; for a table without key, its action before the first MODIFY.
    pub(crate) default_actions: HashMap<u32, u32>,
    sizes: TableSizes,
    meter: Arc<IcmpErrorMeter>,
    pub(crate) meter_rate: Option<MeterRate>,
}

impl Tables {
    /// Tables that have these sizes, see [`sizes`].
    pub fn new(writer: TableWriter, drops: Arc<DropCounters>, contract: &P4Info) -> Self {
        let default = |t: &Table| t.action_refs.iter().find(|r| r.scope() == Scope::DefaultOnly).map(|r| r.id);
        Self {
            writer,
            drops,
            drop_offsets: [EntryCounters::default(); DROP_COUNTER_SIZE],
            default_actions: contract.tables.iter().filter_map(|t| Some((id(t), default(t)?))).collect(),
            sizes: sizes(contract),
            meter: Arc::default(),
            meter_rate: None,
        }
    }

    /// The meter of ICMP errors that is configured here, for the data plane.
    pub fn meter(&self) -> Arc<IcmpErrorMeter> {
        Arc::clone(&self.meter)
    }

    fn set_meter(&mut self, rate: Option<MeterRate>) {
        self.meter.configure(rate);
        self.meter_rate = rate;
    }

    /// Applies a batch and publishes it; one result an update. In the two atomic modes either all updates are applied
    /// or none: nothing is visible to the data plane before it is published.
    ///
    /// # Errors
    /// UNIMPLEMENTED if the atomicity is unknown.
    pub fn apply(&mut self, updates: &[Update], atomicity: i32) -> Result<Vec<Result<(), ItemError>>, Status> {
        let atomicity = Atomicity::try_from(atomicity)
            .map_err(|_| Status::unimplemented(format!("atomicity: {atomicity} is unknown")))?;
        let operations: Vec<_> = updates.iter().map(Operation::from_p4).collect();
        if atomicity != Atomicity::ContinueOnError {
            let trial = self.trial(&operations);
            if trial.iter().any(Result::is_err) {
                let none = || Err(ItemError::new(Code::Aborted, "not applied: another update of the batch failed"));
                return Ok(trial.into_iter().map(|result| result.and_then(|()| none())).collect());
            }
        }
        let results = operations.into_iter().map(|op| op.and_then(|op| self.execute(op))).collect();
        self.writer.publish();
        Ok(results)
    }

    fn execute(&mut self, operation: Operation) -> Result<(), ItemError> {
        let (key, result, counters) = match operation {
            Operation::Insert(entry, counters) => (entry.key(), self.writer.insert(entry), counters),
            Operation::Modify(entry, counters) => (entry.key(), self.writer.modify(entry), counters),
            Operation::Delete(key) => (key, self.writer.delete(key), None),
            Operation::DirectCounter(key, counters) => (key, self.present(&key), counters),
            Operation::ResetDefault(key) => match self.writer.delete(key) {
                // It is the original action already.
                Err(TableError::NotFound { .. }) => return Ok(()),
                other => (key, other, None),
            },
            Operation::DropCounter(index, Some(value)) => {
                let all = 0..DROP_COUNTER_SIZE;
                index
                    .map_or(all, |at| at..at + 1)
                    .for_each(|at| self.drop_offsets[at] = minus(self.raw_drops(at), value));
                return Ok(());
            }
            Operation::Meter(rate) => {
                self.set_meter(rate);
                return Ok(());
            }
            Operation::DropCounter(_, None) | Operation::Nothing => return Ok(()),
        };
        let result = match counters {
            Some(value) => result.and_then(|()| self.writer.set_counters(&key, value)),
            None => result,
        };
        result.map_err(|error| table_error(error, &key))
    }

    fn present(&self, key: &EntryKey) -> Result<(), TableError> {
        match self.writer.get(key) {
            Some(_) => Ok(()),
            None => Err(TableError::NotFound { table: table_name(key.table_id()) }),
        }
    }

    /// What [`Tables::execute`] would say of each operation in turn, with nothing changed.
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
        self.set_meter(None);
        self.writer.clear();
        self.writer.publish();
        for at in 0..DROP_COUNTER_SIZE {
            self.drop_offsets[at] = self.raw_drops(at);
        }
    }

    /// Name, number of entries and size of each table.
    pub fn occupancy(&self) -> impl Iterator<Item = (&'static str, usize, usize)> + '_ {
        Entry::TABLES.iter().map(|(id, name)| (*name, self.writer.len(*id), self.sizes.get(*id)))
    }

    /// `drop_reason` at an index.
    pub(crate) fn drops(&self, at: usize) -> EntryCounters {
        minus(self.raw_drops(at), self.drop_offsets.get(at).copied().unwrap_or_default())
    }

    fn raw_drops(&self, at: usize) -> EntryCounters {
        let reason = DropReason::ALL.iter().copied().find(|reason| *reason as usize == at);
        let (packets, bytes) = reason.map_or((0, 0), |reason| self.drops.get(reason));
        EntryCounters { packets, bytes }
    }
}

fn minus(a: EntryCounters, b: EntryCounters) -> EntryCounters {
    EntryCounters { packets: a.packets.wrapping_sub(b.packets), bytes: a.bytes.wrapping_sub(b.bytes) }
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
