//! The direct way to and from bytes against the general one.

use mimiq_contract::{
    Entry, EntryKey,
    wire::{Field, Fields, Update, put_entity, take_entity},
};
use p4runtime::v1::{self, Entity, ReadResponse, TableEntry, Uint128, WriteRequest, entity, update::Type};
use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use crate::generate::{arbitrary, valid};

fn entity(entry: TableEntry) -> Entity {
    Entity { entity: Some(entity::Entity::TableEntry(entry)) }
}

fn message(update: &Update) -> v1::Update {
    let (kind, entry) = match update {
        Update::Insert(entry) => (Type::Insert, entry.to_p4()),
        Update::Modify(entry) => (Type::Modify, entry.to_p4()),
        Update::Delete(key) => (Type::Delete, key.to_p4()),
    };
    v1::Update { r#type: kind as i32, entity: Some(entity(entry)) }
}

/// What the general path makes of an update.
fn general(bytes: &[u8]) -> Option<Update> {
    let update = v1::Update::decode(bytes).ok()?;
    let Some(entity::Entity::TableEntry(entry)) = update.entity.as_ref()?.entity.as_ref() else { return None };
    match update.r#type() {
        Type::Insert => Entry::from_p4(entry).ok().map(Update::Insert),
        Type::Modify => Entry::from_p4(entry).ok().map(Update::Modify),
        Type::Delete => EntryKey::from_p4(entry).ok().map(Update::Delete),
        Type::Unspecified => None,
    }
}

fn update() -> impl Strategy<Value = Update> {
    (valid(), 0..3).prop_map(|(valid, kind)| {
        let entry = Entry::from_p4(&valid.entry).unwrap();
        match kind {
            0 => Update::Insert(entry),
            1 => Update::Modify(entry),
            _ => Update::Delete(entry.key()),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn updates_are_written_as_prost_writes_them(updates in vec(update(), 0..5)) {
        let mut bytes = Vec::new();
        updates.iter().for_each(|update| update.put(&mut bytes));
        let request = WriteRequest { updates: updates.iter().map(message).collect(), ..Default::default() };
        prop_assert_eq!(&bytes, &request.encode_to_vec());

        let items: Vec<_> = Fields::updates(&bytes).collect();
        prop_assert_eq!(items.len(), updates.len());
        for (item, update) in items.into_iter().zip(&updates) {
            let Field::Item(item) = item else { panic!("{item:?}") };
            // Those of the table without key are the general path's.
            let default = update.key().to_p4().is_default_action;
            prop_assert_eq!(Update::take(item), (!default).then_some(*update));
        }
    }

    #[test]
    fn entities_are_written_as_prost_writes_them(entries in vec(valid(), 0..5)) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|valid| put_entity(&Entry::from_p4(&valid.entry).unwrap(), &mut bytes));
        let response = ReadResponse { entities: entries.iter().map(|valid| entity(valid.entry.clone())).collect() };
        prop_assert_eq!(&bytes, &response.encode_to_vec());

        for (item, valid) in Fields::entities(&bytes).zip(&entries) {
            let Field::Item(item) = item else { panic!("{item:?}") };
            let entry = Entry::from_p4(&valid.entry).unwrap();
            prop_assert_eq!(take_entity(item), (!valid.entry.is_default_action).then_some(entry));
        }
    }

    /// Any message: what is taken directly is what the general path takes.
    #[test]
    fn nothing_is_taken_that_the_general_path_refuses(entry in arbitrary(), kind in 0..5) {
        let bytes = v1::Update { r#type: kind, entity: Some(entity(entry)) }.encode_to_vec();
        if let Some(taken) = Update::take(&bytes) {
            prop_assert_eq!(Some(taken), general(&bytes));
        }
    }

    /// Damaged bytes.
    #[test]
    fn damaged_updates_are_taken_as_the_general_path_takes_them(
        update in update(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = message(&update).encode_to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(taken) = Update::take(&bytes) {
            prop_assert_eq!(Some(taken), general(&bytes));
        }
    }

    #[test]
    fn a_request_is_taken_apart_without_loss(updates in vec(update(), 0..4), id: u64, role in "[a-z]{0,3}", atomicity in 0..3) {
        let header = WriteRequest {
            device_id: id,
            role_id: id >> 40,
            role,
            election_id: Some(Uint128 { high: id, low: id >> 9 }),
            atomicity,
            updates: Vec::new(),
        };
        let whole = WriteRequest { updates: updates.iter().map(message).collect(), ..header.clone() }.encode_to_vec();
        let mut fields = Fields::updates(&whole);
        let (mut rest, mut items) = (Vec::new(), Vec::new());
        for field in &mut fields {
            match field {
                Field::Item(item) => items.push(v1::Update::decode(item).unwrap()),
                Field::Other(other) => rest.extend_from_slice(other),
            }
        }
        prop_assert!(fields.is_complete());
        prop_assert_eq!(items, updates.iter().map(message).collect::<Vec<_>>());
        prop_assert_eq!(WriteRequest::decode(rest.as_slice()).unwrap(), header);
    }

    #[test]
    fn any_bytes_are_taken_apart_up_to_what_is_malformed(bytes in vec(any::<u8>(), 0..60)) {
        let mut fields = Fields::updates(&bytes);
        let taken: usize = fields.by_ref().map(|field| match field {
            Field::Item(item) => item.len() + 2,
            Field::Other(other) => other.len(),
        }).sum();
        prop_assert!(taken <= bytes.len());
        prop_assert_eq!(fields.is_complete(), taken == bytes.len());
    }
}
