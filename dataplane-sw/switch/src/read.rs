//! Read: filters, and entities collected under the lock but written out after it.

use std::collections::HashSet;

use mimiq_contract::{Entry, EntryKey, ids};
use mimiq_pipeline::EntryCounters;
use p4runtime::v1::{Entity, TableEntry, entity, table_action};
use tonic::Code;

use crate::{
    error::ItemError,
    externs::DROP_COUNTER_SIZE,
    meter,
    operation::{check_direct_counter, counter_index, entity_of, table_name, unknown_counter, unsupported},
    outcome::{Found, Outcome},
    tables::Tables,
};

/// What one entity of a read asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Query {
    Entries { tables: Selection, action: Option<u32>, counters: bool },
    DirectCounters(Selection),
    DropCounter(Option<usize>),
    Meter,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Selection {
    All { defaults: bool },
    Table { id: u32, defaults: bool },
    Key(EntryKey),
    Nothing,
}

/// Answers a read as of now. Equal entities of the request are answered once, so that an answer is bounded by the
/// tables and not by the request.
pub(crate) fn read(tables: &Tables, entities: &[Entity]) -> Outcome {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut one = |entity: &Entity| {
        let query = Query::from_p4(entity)?;
        if seen.insert(query.clone()) { query.run(tables, &mut found) } else { Ok(()) }
    };
    let results = entities.iter().map(&mut one).collect();
    Outcome { found, results }
}

impl Query {
    fn from_p4(entity: &Entity) -> Result<Self, ItemError> {
        match entity_of(Some(entity))? {
            entity::Entity::TableEntry(entry) => Ok(Self::Entries {
                tables: Selection::from_p4(entry)?,
                action: action_filter(entry)?,
                counters: entry.counter_data.is_some(),
            }),
            entity::Entity::DirectCounterEntry(entry) => {
                let entry = entry.table_entry.clone().unwrap_or_default();
                check_direct_counter(entry.table_id)?;
                Ok(Self::DirectCounters(Selection::from_p4(&entry)?))
            }
            entity::Entity::CounterEntry(entry) => match entry.counter_id {
                0 => Ok(Self::DropCounter(None)),
                ids::COUNTER_DROP_REASON => {
                    Ok(Self::DropCounter(entry.index.map(|i| counter_index(i.index)).transpose()?))
                }
                id => Err(unknown_counter(id)),
            },
            entity::Entity::MeterEntry(entry) => {
                if entry.meter_id == 0 { meter::check_counters(entry) } else { meter::check(entry) }?;
                Ok(Self::Meter)
            }
            other if is_wildcard(other) => Ok(Self::Nothing),
            other => Err(unsupported(other)),
        }
    }

    fn run(&self, tables: &Tables, found: &mut Vec<Found>) -> Result<(), ItemError> {
        match self {
            Self::Entries { tables: selection, action, counters } => {
                selection.run(tables, *counters, &mut |hit| match hit {
                    Hit::Entry(entry, count) => {
                        if action.is_none_or(|wanted| action_id(&entry) == wanted) {
                            found.push(Found::Entry(entry, count.filter(|_| *counters)));
                        }
                    }
                    Hit::Default { table, action: id } => {
                        if action.is_none_or(|wanted| id == wanted) {
                            found.push(Found::Default { table, action: id });
                        }
                    }
                });
                Ok(())
            }
            Self::DirectCounters(selection) => {
                let before = found.len();
                selection.run(tables, true, &mut |hit| {
                    if let Hit::Entry(entry, Some(count)) = hit {
                        found.push(Found::DirectCounter(entry.key(), count));
                    }
                });
                match selection {
                    Selection::Key(key) if found.len() == before => {
                        let message = format!("{}: no such entry: {key:?}", table_name(key.table_id()));
                        Err(ItemError::new(Code::NotFound, message))
                    }
                    _ => Ok(()),
                }
            }
            Self::Nothing => Ok(()),
            Self::Meter => {
                found.push(Found::Meter(tables.externs.meter_rate));
                Ok(())
            }
            Self::DropCounter(index) => {
                let all = 0..DROP_COUNTER_SIZE;
                let range = index.map_or(all, |at| at..at + 1);
                found.extend(range.map(|at| Found::DropCounter(at, tables.externs.drops(at))));
                Ok(())
            }
        }
    }
}

/// Whether this asks for all entities of a kind. Clients that read the whole state name every kind there is (§13.2), and
/// there is none of those that this pipeline does not have.
fn is_wildcard(entity: &entity::Entity) -> bool {
    use p4runtime::v1::packet_replication_engine_entry::Type::{CloneSessionEntry, MulticastGroupEntry};
    match entity {
        entity::Entity::ExternEntry(e) => e.extern_type_id == 0,
        entity::Entity::ActionProfileMember(e) => e.action_profile_id == 0,
        entity::Entity::ActionProfileGroup(e) => e.action_profile_id == 0,
        entity::Entity::DirectMeterEntry(e) => e.table_entry.as_ref().is_none_or(|t| t.table_id == 0),
        entity::Entity::ValueSetEntry(e) => e.value_set_id == 0,
        entity::Entity::RegisterEntry(e) => e.register_id == 0,
        entity::Entity::DigestEntry(e) => e.digest_id == 0,
        entity::Entity::PacketReplicationEngineEntry(e) => match &e.r#type {
            None => true,
            Some(MulticastGroupEntry(group)) => group.multicast_group_id == 0,
            Some(CloneSessionEntry(session)) => session.session_id == 0,
        },
        entity::Entity::TableEntry(_)
        | entity::Entity::CounterEntry(_)
        | entity::Entity::DirectCounterEntry(_)
        | entity::Entity::MeterEntry(_) => false,
    }
}

enum Hit {
    Entry(Entry, Option<EntryCounters>),
    Default { table: u32, action: u32 },
}

impl Selection {
    fn from_p4(entry: &TableEntry) -> Result<Self, ItemError> {
        let defaults = entry.is_default_action;
        // No entry has these, see `operation`; §9.1.7 makes them filters.
        let filtered = entry.priority != 0 || entry.controller_metadata != 0 || !entry.metadata.is_empty();
        if entry.table_id == 0 {
            if !entry.r#match.is_empty() || entry.action.is_some() || filtered {
                return Err(ItemError::invalid("table_id = 0 reads all tables: no other filter may be set"));
            }
            return Ok(Self::All { defaults });
        }
        if !Entry::TABLES.iter().any(|(id, _)| *id == entry.table_id) {
            return Err(mimiq_contract::EntryError::UnknownTable(entry.table_id).into());
        }
        if !entry.r#match.is_empty() {
            return Ok(Self::Key(EntryKey::from_p4(entry)?));
        }
        Ok(if filtered { Self::Nothing } else { Self::Table { id: entry.table_id, defaults } })
    }

    fn run(&self, tables: &Tables, counters: bool, hit: &mut dyn FnMut(Hit)) {
        match self {
            Self::All { defaults } => {
                Entry::TABLES.iter().for_each(|(id, _)| one_table(tables, *id, *defaults, counters, hit));
            }
            Self::Table { id, defaults } => one_table(tables, *id, *defaults, counters, hit),
            Self::Key(key) => {
                if let Some((entry, counters)) = tables.writer.get(key) {
                    hit(Hit::Entry(entry, counters));
                }
            }
            Self::Nothing => {}
        }
    }
}

/// The entries of a table, or its default entry. The entry of a table without key is its default entry.
fn one_table(tables: &Tables, id: u32, defaults: bool, counters: bool, hit: &mut dyn FnMut(Hit)) {
    let mut any = false;
    if defaults == (id == ids::TABLE_SWITCH_INFO) {
        tables.writer.for_each(id, counters, &mut |entry, counters| {
            any = true;
            hit(Hit::Entry(entry, counters));
        });
    }
    if let Some(action) = tables.default_actions.get(&id).filter(|_| defaults && !any) {
        hit(Hit::Default { table: id, action: *action });
    }
}

fn action_filter(entry: &TableEntry) -> Result<Option<u32>, ItemError> {
    match entry.action.as_ref().and_then(|a| a.r#type.as_ref()) {
        None => Ok(None),
        Some(table_action::Type::Action(action)) if action.params.is_empty() => Ok(Some(action.action_id)),
        Some(_) => Err(ItemError::invalid("action: a read filters by action_id alone")),
    }
}

fn action_id(entry: &Entry) -> u32 {
    match entry.to_p4().action.and_then(|a| a.r#type) {
        Some(table_action::Type::Action(action)) => action.action_id,
        _ => 0,
    }
}
