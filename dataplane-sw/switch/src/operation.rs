//! What an update of a Write asks for, checked against the contract before any table is touched.

use mimiq_contract::{Entry, EntryError, EntryKey, ids};
use mimiq_pipeline::{EntryCounters, MeterRate};
use p4runtime::v1::{
    CounterData, CounterEntry, DirectCounterEntry, Entity, MeterEntry, TableEntry, Update, entity, update::Type,
};
use tonic::Code;

use crate::{error::ItemError, externs::DROP_COUNTER_SIZE, meter};

/// A checked update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// What is asked for is so already.
    Nothing,
    /// A new entry, and its counter's first value.
    Insert(Entry, Option<EntryCounters>),
    /// Another action for an entry, and perhaps another value for its counter.
    Modify(Entry, Option<EntryCounters>),
    /// Away with an entry.
    Delete(EntryKey),
    /// Back to the original default action of a table without key.
    ResetDefault(EntryKey),
    /// Another value for the counter of an entry.
    DirectCounter(EntryKey, Option<EntryCounters>),
    /// Another value for `drop_reason` at an index, or at all.
    DropCounter(Option<usize>, Option<EntryCounters>),
    /// Another rate for the meter of ICMP errors; `None` is none.
    Meter(Option<MeterRate>),
}

impl Operation {
    /// Reads an update.
    ///
    /// # Errors
    /// If it does not fit the contract, or asks for what this switch does not have.
    pub(crate) fn from_p4(update: &Update) -> Result<Self, ItemError> {
        let kind = update.r#type();
        if kind == Type::Unspecified {
            return Err(ItemError::invalid(format!("type: {} is unspecified or unknown", update.r#type)));
        }
        match entity_of(update.entity.as_ref())? {
            entity::Entity::TableEntry(entry) => table_entry(kind, entry),
            entity::Entity::DirectCounterEntry(entry) => direct_counter(kind, entry),
            entity::Entity::CounterEntry(entry) => drop_counter(kind, entry),
            entity::Entity::MeterEntry(entry) => meter_entry(kind, entry),
            other => Err(unsupported(other)),
        }
    }
}

pub(crate) fn entity_of(entity: Option<&Entity>) -> Result<&entity::Entity, ItemError> {
    entity.and_then(|e| e.entity.as_ref()).ok_or_else(|| ItemError::invalid("entity: missing"))
}

pub(crate) fn unsupported(entity: &entity::Entity) -> ItemError {
    let name = match entity {
        entity::Entity::ExternEntry(_) => "extern_entry",
        entity::Entity::ActionProfileMember(_) => "action_profile_member",
        entity::Entity::ActionProfileGroup(_) => "action_profile_group",
        entity::Entity::MeterEntry(_) => "meter_entry",
        entity::Entity::DirectMeterEntry(_) => "direct_meter_entry",
        entity::Entity::PacketReplicationEngineEntry(_) => "packet_replication_engine_entry",
        entity::Entity::ValueSetEntry(_) => "value_set_entry",
        entity::Entity::RegisterEntry(_) => "register_entry",
        entity::Entity::DigestEntry(_) => "digest_entry",
        entity::Entity::TableEntry(_) => "table_entry",
        entity::Entity::CounterEntry(_) => "counter_entry",
        entity::Entity::DirectCounterEntry(_) => "direct_counter_entry",
    };
    ItemError::new(Code::Unimplemented, format!("entity: {name} does not exist in this pipeline"))
}

/// The table's name, for messages.
pub(crate) fn table_name(id: u32) -> &'static str {
    Entry::TABLES.iter().find(|(table, _)| *table == id).map_or("unknown table", |(_, name)| name)
}

fn table_entry(kind: Type, entry: &TableEntry) -> Result<Operation, ItemError> {
    let key = match EntryKey::from_p4(entry) {
        // §9.1.4: the default entries of the tables with keys are fixed, so that to reset one changes nothing.
        Err(EntryError::Default { value: true, .. }) if kind == Type::Modify && entry.action.is_none() => {
            return Ok(Operation::Nothing);
        }
        Err(error @ EntryError::Default { value: true, .. }) => {
            let code = if kind == Type::Modify { Code::PermissionDenied } else { Code::InvalidArgument };
            return Err(ItemError::new(code, error.to_string()));
        }
        other => other?,
    };
    let table = table_name(entry.table_id);
    if kind == Type::Delete {
        if entry.is_default_action {
            return Err(ItemError::invalid(format!("{table}: type = DELETE: a default entry can only be modified")));
        }
        return Ok(Operation::Delete(key));
    }
    if entry.is_default_action {
        if kind == Type::Insert {
            return Err(ItemError::invalid(format!("{table}: type = INSERT: a default entry can only be modified")));
        }
        if entry.action.is_none() {
            return Ok(Operation::ResetDefault(key));
        }
    }
    let checked = Entry::from_p4(entry)?;
    check_extras(table, entry)?;
    let counters = counters(table, entry.counter_data)?;
    if counters.is_some() {
        check_direct_counter(entry.table_id)?;
    }
    Ok(if kind == Type::Insert { Operation::Insert(checked, counters) } else { Operation::Modify(checked, counters) })
}

/// Fields that would get lost are refused: what is read must be what was written (§8.2).
fn check_extras(table: &str, entry: &TableEntry) -> Result<(), ItemError> {
    let unimplemented = |field: &str| {
        let message = format!("{table}: {field} is not stored by this switch and must be left out");
        Err(ItemError::new(Code::Unimplemented, message))
    };
    if !entry.metadata.is_empty() {
        return unimplemented("metadata");
    }
    if entry.controller_metadata != 0 {
        return unimplemented("controller_metadata");
    }
    if entry.idle_timeout_ns != 0 {
        let message = format!("{table}: idle_timeout_ns = {}: the table has no idle timeout", entry.idle_timeout_ns);
        return Err(ItemError::invalid(message));
    }
    if entry.meter_config.is_some() || entry.meter_counter_data.is_some() {
        return Err(ItemError::invalid(format!("{table}: meter_config: the table has no direct meter")));
    }
    if entry.is_const {
        return Err(ItemError::invalid(format!("{table}: is_const = true: only the program has constant entries")));
    }
    Ok(())
}

fn counters(what: &str, data: Option<CounterData>) -> Result<Option<EntryCounters>, ItemError> {
    let Some(CounterData { byte_count, packet_count }) = data else { return Ok(None) };
    let value = |field: &str, value: i64| {
        u64::try_from(value).map_err(|_| ItemError::invalid(format!("{what}: {field} = {value} is negative")))
    };
    Ok(Some(EntryCounters { packets: value("packet_count", packet_count)?, bytes: value("byte_count", byte_count)? }))
}

fn only_modify(kind: Type, what: &str) -> Result<(), ItemError> {
    match kind {
        Type::Modify => Ok(()),
        other => Err(ItemError::invalid(format!("{what}: type = {}: must be MODIFY", other.as_str_name()))),
    }
}

fn direct_counter(kind: Type, entry: &DirectCounterEntry) -> Result<Operation, ItemError> {
    only_modify(kind, "direct_counter_entry")?;
    let table_entry =
        entry.table_entry.as_ref().ok_or_else(|| ItemError::invalid("direct_counter_entry: table_entry: missing"))?;
    let key = EntryKey::from_p4(table_entry)?;
    check_direct_counter(table_entry.table_id)?;
    Ok(Operation::DirectCounter(key, counters(table_name(table_entry.table_id), entry.data)?))
}

/// # Errors
/// INVALID_ARGUMENT for the one table whose entry has no direct counter (§9.1.8).
pub(crate) fn check_direct_counter(table_id: u32) -> Result<(), ItemError> {
    if table_id != ids::TABLE_SWITCH_INFO {
        return Ok(());
    }
    Err(ItemError::invalid(format!("{}: the table has no direct counter", table_name(table_id))))
}

fn meter_entry(kind: Type, entry: &MeterEntry) -> Result<Operation, ItemError> {
    only_modify(kind, "meter_entry")?;
    meter::check(entry)?;
    Ok(Operation::Meter(meter::rate(entry.config.as_ref())?))
}

fn drop_counter(kind: Type, entry: &CounterEntry) -> Result<Operation, ItemError> {
    only_modify(kind, "counter_entry")?;
    if entry.counter_id != ids::COUNTER_DROP_REASON {
        return Err(unknown_counter(entry.counter_id));
    }
    let index = entry.index.map(|i| counter_index(i.index)).transpose()?;
    Ok(Operation::DropCounter(index, counters("drop_reason", entry.data)?))
}

pub(crate) fn unknown_counter(id: u32) -> ItemError {
    ItemError::invalid(format!("counter_id: {id:#010x} is no counter of this pipeline"))
}

/// # Errors
/// INVALID_ARGUMENT below 0, OUT_OF_RANGE above the counter's size (§9.3.2).
pub(crate) fn counter_index(index: i64) -> Result<usize, ItemError> {
    match usize::try_from(index) {
        Err(_) => Err(ItemError::invalid(format!("drop_reason: index = {index} is negative"))),
        Ok(at) if at >= DROP_COUNTER_SIZE => {
            let message = format!("drop_reason: index = {index}: the largest is {}", DROP_COUNTER_SIZE - 1);
            Err(ItemError::new(Code::OutOfRange, message))
        }
        Ok(at) => Ok(at),
    }
}
