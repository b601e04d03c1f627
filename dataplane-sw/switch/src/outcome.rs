//! What a read found, and its messages.

use bytes::Bytes;
use mimiq_contract::{Entry, EntryKey, ids, wire};
use mimiq_pipeline::{EntryCounters, MeterRate};
use p4runtime::v1::{
    Action, CounterData, CounterEntry, DirectCounterEntry, Entity, Index, ReadResponse, TableAction, TableEntry,
    entity, table_action,
};
use prost::Message as _;

use crate::{error::ItemError, meter};

/// Entities in one message: some 100 to 250 bytes each, far below gRPC's 4 MiB.
const CHUNK: usize = 1_000;

/// Bytes of most entities.
const ENTITY: usize = 100;

/// One entity found, small enough to collect by the million.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    Entry(Entry, Option<EntryCounters>),
    Default { table: u32, action: u32 },
    DirectCounter(EntryKey, EntryCounters),
    DropCounter(usize, EntryCounters),
    Meter(Option<MeterRate>),
}

/// What a read found: messages to be sent in turn, and one result an entity of the request.
pub struct Outcome {
    pub(crate) found: Vec<Found>,
    /// One result an entity of the request.
    pub results: Vec<Result<(), ItemError>>,
}

impl Outcome {
    /// The messages, each well below gRPC's size limit.
    pub fn into_messages(self) -> impl Iterator<Item = ReadResponse> {
        let mut found = self.found.into_iter();
        std::iter::from_fn(move || {
            let entities: Vec<_> = found.by_ref().take(CHUNK).map(Found::into_entity).collect();
            if entities.is_empty() { None } else { Some(ReadResponse { entities }) }
        })
    }
}

impl Outcome {
    /// The same messages as bytes.
    pub(crate) fn into_bytes(self) -> impl Iterator<Item = Bytes> {
        let mut found = self.found.into_iter();
        std::iter::from_fn(move || {
            let mut message = Vec::with_capacity(CHUNK.min(found.len()) * ENTITY);
            for found in found.by_ref().take(CHUNK) {
                match found {
                    Found::Entry(entry, None) => wire::put_entity(&entry, &mut message),
                    // Messages one after the other are one message with the fields of all.
                    other => message.extend(ReadResponse { entities: vec![other.into_entity()] }.encode_to_vec()),
                }
            }
            if message.is_empty() { None } else { Some(message.into()) }
        })
    }
}

impl Found {
    fn into_entity(self) -> Entity {
        let entity = match self {
            Self::Entry(entry, counters) => {
                entity::Entity::TableEntry(TableEntry { counter_data: counters.map(counter_data), ..entry.to_p4() })
            }
            Self::Default { table, action } => {
                let action = Action { action_id: action, params: Vec::new() };
                entity::Entity::TableEntry(TableEntry {
                    table_id: table,
                    action: Some(TableAction { r#type: Some(table_action::Type::Action(action)) }),
                    is_default_action: true,
                    ..TableEntry::default()
                })
            }
            Self::DirectCounter(key, c) => entity::Entity::DirectCounterEntry(DirectCounterEntry {
                table_entry: Some(key.to_p4()),
                data: Some(counter_data(c)),
            }),
            Self::DropCounter(index, c) => entity::Entity::CounterEntry(CounterEntry {
                counter_id: ids::COUNTER_DROP_REASON,
                index: Some(Index { index: index as i64 }),
                data: Some(counter_data(c)),
            }),
            Self::Meter(rate) => entity::Entity::MeterEntry(meter::to_p4(rate)),
        };
        Entity { entity: Some(entity) }
    }
}

fn counter_data(counters: EntryCounters) -> CounterData {
    CounterData { byte_count: counters.bytes as i64, packet_count: counters.packets as i64 }
}
