//! Write and Read on the device itself, without gRPC.

use std::collections::HashSet;

use mimiq_contract::{Entry, ids};
use mimiq_switch::arbitration::StreamId;
use p4runtime::v1::{
    self, CounterData, DirectCounterEntry, Entity, ReadRequest, TableEntry, Uint128, Update, entity,
    set_forwarding_pipeline_config_request::Action, update::Type, write_request::Atomicity,
};
use proptest::prelude::*;
use tonic::Code;

use crate::common::{
    DEVICE, client, codes, contract, drop_counter, read, ready_rig, rig, samples, set_config, switch_info, update,
    write,
};

fn entries(device: &mimiq_switch::Device, filter: TableEntry) -> Vec<TableEntry> {
    let (found, results) = read(device, entity::Entity::TableEntry(filter));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let entry = |e| match e {
        entity::Entity::TableEntry(entry) => entry,
        other => panic!("{other:?}"),
    };
    found.into_iter().map(entry).collect()
}

#[test]
fn every_table_and_action_inserts_reads_back_modifies_and_deletes() {
    let mut rig = ready_rig(None);
    let pairs = samples();
    let tables: HashSet<u32> = pairs.iter().map(|(e, _)| e.key().table_id()).collect();
    assert_eq!(tables.len() + 1, Entry::TABLES.len(), "a sample of every table but switch_info");
    for (entry, modified) in &pairs {
        let insert = write(vec![update(Type::Insert, entry.to_p4())]);
        assert_eq!(codes(&rig.device.write(&insert).unwrap()), [Code::Ok]);
        assert_eq!(codes(&rig.device.write(&insert).unwrap()), [Code::AlreadyExists]);
        let found = entries(&rig.device, TableEntry { table_id: entry.key().table_id(), ..TableEntry::default() });
        assert!(found.contains(&entry.to_p4()), "{entry:?} is not read as it was written");
        let results = rig.device.write(&write(vec![update(Type::Modify, modified.to_p4())])).unwrap();
        assert_eq!(codes(&results), [Code::Ok]);
        let found = entries(&rig.device, TableEntry { table_id: entry.key().table_id(), ..TableEntry::default() });
        assert!(found.contains(&modified.to_p4()));
    }
    let all: HashSet<String> = entries(&rig.device, TableEntry::default()).iter().map(|e| format!("{e:?}")).collect();
    let expected: HashSet<String> = pairs.iter().map(|(_, e)| format!("{:?}", e.to_p4())).collect();
    assert_eq!(all, expected, "table_id 0 reads all tables");
    let delete = write(pairs.iter().map(|(e, _)| update(Type::Delete, e.key().to_p4())).collect());
    assert!(rig.device.write(&delete).unwrap().iter().all(Result::is_ok));
    assert!(rig.device.write(&delete).unwrap().iter().all(|r| r.as_ref().unwrap_err().code == Code::NotFound));
    assert!(entries(&rig.device, TableEntry::default()).is_empty());
}

#[test]
fn the_default_entry_is_modified_and_reset_only() {
    let mut rig = ready_rig(None);
    let filter = TableEntry { table_id: ids::TABLE_SWITCH_INFO, is_default_action: true, ..TableEntry::default() };
    let original = entries(&rig.device, filter.clone());
    assert_eq!(original.len(), 1, "a default entry is always there");
    let entry = switch_info(1500).to_p4();
    let results = rig.device.write(&write(vec![
        update(Type::Insert, entry.clone()),
        update(Type::Modify, entry.clone()),
        update(Type::Modify, switch_info(9000).to_p4()),
        update(Type::Delete, entry.clone()),
    ]));
    assert_eq!(codes(&results.unwrap()), [Code::InvalidArgument, Code::Ok, Code::Ok, Code::InvalidArgument]);
    assert_eq!(entries(&rig.device, filter.clone()), [switch_info(9000).to_p4()]);
    assert!(entries(&rig.device, TableEntry::default()).is_empty(), "default entries are read when asked for");
    let reset = TableEntry { action: None, ..entry };
    for _ in 0..2 {
        assert_eq!(codes(&rig.device.write(&write(vec![update(Type::Modify, reset.clone())])).unwrap()), [Code::Ok]);
        assert_eq!(entries(&rig.device, filter.clone()), original);
    }
    let fixed = TableEntry { is_default_action: true, ..client(1, 1).to_p4() };
    let fixed = TableEntry { r#match: Vec::new(), ..fixed };
    let same = update(Type::Modify, TableEntry { action: None, ..fixed.clone() });
    assert_eq!(codes(&rig.device.write(&write(vec![same])).unwrap()), [Code::Ok], "as it was");
    let results = rig.device.write(&write(vec![update(Type::Modify, fixed)])).unwrap();
    assert_eq!(codes(&results), [Code::PermissionDenied]);
}

#[test]
fn errors_name_field_and_value() {
    let mut rig = ready_rig(None);
    let good = client(1, 1).to_p4();
    let with = |f: &dyn Fn(&mut TableEntry)| {
        let mut entry = good.clone();
        f(&mut entry);
        update(Type::Insert, entry)
    };
    for (update, code, text) in [
        (with(&|e| e.table_id = 0x0200_ffff), Code::InvalidArgument, "table_id: 0x0200ffff"),
        (with(&|e| e.priority = 7), Code::InvalidArgument, "priority = 7"),
        (with(&|e| e.r#match.clear()), Code::InvalidArgument, "dst_addr is missing"),
        (with(&|e| e.r#match[0].field_id = 9), Code::InvalidArgument, "dst_addr is missing"),
        (with(&|e| e.action = None), Code::InvalidArgument, "action_id"),
        (with(&|e| e.idle_timeout_ns = 5), Code::InvalidArgument, "idle_timeout_ns = 5"),
        (with(&|e| e.is_const = true), Code::InvalidArgument, "is_const"),
        (with(&|e| e.metadata = vec![1]), Code::Unimplemented, "metadata"),
        (with(&|e| e.controller_metadata = 1), Code::Unimplemented, "controller_metadata"),
        (
            with(&|e| e.counter_data = Some(CounterData { byte_count: -4, packet_count: 0 })),
            Code::InvalidArgument,
            "byte_count = -4",
        ),
        (Update::default(), Code::InvalidArgument, "type"),
        (Update { r#type: 1, entity: None }, Code::InvalidArgument, "entity"),
        (Update { r#type: 9, entity: None }, Code::InvalidArgument, "type: 9"),
        (
            Update {
                r#type: 1,
                entity: Some(Entity { entity: Some(entity::Entity::RegisterEntry(Default::default())) }),
            },
            Code::Unimplemented,
            "register_entry",
        ),
        (drop_counter(Type::Modify, Some(64), None), Code::OutOfRange, "index = 64"),
        (drop_counter(Type::Modify, Some(-1), None), Code::InvalidArgument, "index = -1"),
        (drop_counter(Type::Insert, Some(1), None), Code::InvalidArgument, "INSERT"),
    ] {
        let results = rig.device.write(&write(vec![update.clone()])).unwrap();
        let error = results[0].as_ref().unwrap_err();
        assert_eq!(error.code, code, "{update:?}: {error}");
        assert!(error.message.contains(text), "{text}: {error}");
    }
    assert!(entries(&rig.device, TableEntry::default()).is_empty());
}

#[test]
fn the_atomic_modes_apply_all_or_nothing() {
    for atomicity in [Atomicity::RollbackOnError, Atomicity::DataplaneAtomic] {
        let mut rig = ready_rig(Some(3));
        let mut batch = write(vec![
            update(Type::Insert, client(1, 1).to_p4()),
            update(Type::Insert, client(2, 1).to_p4()),
            update(Type::Delete, client(1, 1).key().to_p4()),
            update(Type::Insert, client(3, 1).to_p4()),
            update(Type::Insert, client(4, 1).to_p4()),
            update(Type::Insert, client(5, 1).to_p4()),
            drop_counter(Type::Modify, Some(1), Some(CounterData { byte_count: 1, packet_count: 1 })),
        ]);
        batch.atomicity = atomicity as i32;
        let mut expected = vec![Code::Aborted; 7];
        expected[5] = Code::ResourceExhausted;
        assert_eq!(codes(&rig.device.write(&batch).unwrap()), expected);
        assert!(entries(&rig.device, TableEntry::default()).is_empty());
        batch.updates.remove(5);
        assert_eq!(codes(&rig.device.write(&batch).unwrap()), [Code::Ok; 6]);
        assert_eq!(entries(&rig.device, TableEntry::default()).len(), 3);
    }
    let mut rig = ready_rig(None);
    let unknown = p4runtime::v1::WriteRequest { atomicity: 9, ..write(Vec::new()) };
    assert_eq!(rig.device.write(&unknown).unwrap_err().code(), Code::Unimplemented);
}

proptest! {
    /// An atomic batch fails exactly where the same batch fails one by one, and then changes nothing.
    #[test]
    fn atomic_batches_agree_with_single_updates(ops in proptest::collection::vec((0..4usize, 0..5u128), 0..24)) {
        let one = |(kind, n): &(usize, u128)| {
            if *kind == 3 {
                let entry = DirectCounterEntry { table_entry: Some(client(*n, 1).key().to_p4()), data: None };
                let entity = Some(Entity { entity: Some(entity::Entity::DirectCounterEntry(entry)) });
                return Update { r#type: Type::Modify as i32, entity };
            }
            update([Type::Insert, Type::Modify, Type::Delete][*kind], client(*n, 1).to_p4())
        };
        let mut sut = ready_rig(Some(3));
        let mut accepted: Vec<Update> = Vec::new();
        for chunk in ops.chunks(4) {
            let mut batch = write(chunk.iter().map(one).collect());
            let mut model = ready_rig(Some(3));
            model.device.write(&write(accepted.clone())).unwrap();
            let expected = model.device.write(&batch).unwrap();
            batch.atomicity = Atomicity::DataplaneAtomic as i32;
            let results = sut.device.write(&batch).unwrap();
            if expected.iter().all(Result::is_ok) {
                prop_assert_eq!(results, expected);
                accepted.extend(batch.updates);
            } else {
                let aborted = |code| if code == Code::Ok { Code::Aborted } else { code };
                let expected: Vec<_> = codes(&expected).into_iter().map(aborted).collect();
                prop_assert_eq!(codes(&results), expected);
            }
            let mut model = ready_rig(Some(3));
            model.device.write(&write(accepted.clone())).unwrap();
            let sorted = |rig: &crate::common::Rig| {
                let entries = entries(&rig.device, TableEntry::default());
                let mut all: Vec<_> = entries.iter().map(|e| format!("{e:?}")).collect();
                all.sort();
                all
            };
            prop_assert_eq!(sorted(&sut), sorted(&model));
        }
    }
}

#[test]
fn a_table_holds_its_size_and_no_more() {
    let mut rig = ready_rig(Some(4));
    let batch = (0..6).map(|n| update(Type::Insert, client(n, 1).to_p4())).collect();
    let results = rig.device.write(&write(batch)).unwrap();
    assert_eq!(codes(&results)[3..], [Code::Ok, Code::ResourceExhausted, Code::ResourceExhausted]);
    assert!(results[5].as_ref().unwrap_err().message.contains("client_v6"), "{results:?}");
}

#[test]
fn reads_filter_by_key_action_and_counters() {
    let mut rig = ready_rig(None);
    rig.device.write(&write((0..2_500).map(|n| update(Type::Insert, client(n, 1).to_p4())).collect())).unwrap();
    let one = client(7, 1);
    assert_eq!(entries(&rig.device, one.key().to_p4()), [one.to_p4()]);
    assert!(entries(&rig.device, client(9_999, 1).key().to_p4()).is_empty());
    let asked = TableEntry { counter_data: Some(CounterData::default()), ..one.key().to_p4() };
    assert_eq!(entries(&rig.device, asked)[0].counter_data, Some(CounterData::default()));
    let by_action = |action_id| TableEntry {
        table_id: one.key().table_id(),
        action: Some(p4runtime::v1::TableAction {
            r#type: Some(p4runtime::v1::table_action::Type::Action(p4runtime::v1::Action {
                action_id,
                params: Vec::new(),
            })),
        }),
        ..TableEntry::default()
    };
    assert_eq!(entries(&rig.device, by_action(ids::ACTION_DELIVER_V6)).len(), 2_500);
    assert!(entries(&rig.device, by_action(ids::ACTION_DELIVER_V4)).is_empty());
    let all = Entity { entity: Some(entity::Entity::TableEntry(TableEntry::default())) };
    let request = ReadRequest { device_id: DEVICE, entities: vec![all; 50], ..Default::default() };
    let outcome = rig.device.read(&request).unwrap();
    let sizes: Vec<_> = outcome.into_messages().map(|m| m.entities.len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500], "equal requests are answered once, in messages of bounded size");
}

#[test]
fn what_the_pipeline_lacks_is_empty_as_a_whole_and_unimplemented_by_id() {
    let rig = ready_rig(None);
    for (id, code) in [(0, Code::Ok), (7, Code::Unimplemented)] {
        for entity in [
            entity::Entity::ExternEntry(v1::ExternEntry { extern_type_id: id, ..Default::default() }),
            entity::Entity::RegisterEntry(v1::RegisterEntry { register_id: id, ..Default::default() }),
            entity::Entity::DigestEntry(v1::DigestEntry { digest_id: id, ..Default::default() }),
            entity::Entity::ValueSetEntry(v1::ValueSetEntry { value_set_id: id, ..Default::default() }),
        ] {
            let (found, results) = read(&rig.device, entity);
            assert_eq!((found.len(), codes(&results)), (0, vec![code]));
        }
    }
}

#[test]
fn only_the_primary_of_this_device_with_a_pipeline_writes() {
    let mut rig = rig(None);
    let entry = || vec![update(Type::Insert, client(1, 1).to_p4())];
    let mut code = |change: &dyn Fn(&mut p4runtime::v1::WriteRequest)| {
        let mut request = write(entry());
        change(&mut request);
        rig.device.write(&request).map_or_else(|s| s.code(), |_| Code::Ok)
    };
    assert_eq!(code(&|_| ()), Code::PermissionDenied, "nobody is primary");
    assert_eq!(code(&|r| r.device_id = 0), Code::NotFound);
    assert_eq!(code(&|r| r.role = "sdn".into()), Code::NotFound);
    assert_eq!(code(&|r| r.role_id = 1), Code::InvalidArgument);
    rig.device.arbitration.update(StreamId(1), "", Some(1)).unwrap();
    let mut code = |change: &dyn Fn(&mut p4runtime::v1::WriteRequest)| {
        let mut request = write(entry());
        change(&mut request);
        rig.device.write(&request).map_or_else(|s| s.code(), |_| Code::Ok)
    };
    assert_eq!(code(&|_| ()), Code::FailedPrecondition);
    assert_eq!(code(&|r| r.election_id = None), Code::PermissionDenied);
    assert_eq!(code(&|r| r.election_id = Some(Uint128 { high: 1, low: 1 })), Code::PermissionDenied);
    rig.device.set_config(set_config(Action::VerifyAndCommit, Some(contract()))).unwrap();
    assert_eq!(rig.device.write(&write(entry())).unwrap(), [Ok(())]);
    rig.device.arbitration.update(StreamId(2), "", Some(2)).unwrap();
    assert_eq!(rig.device.write(&write(entry())).unwrap_err().code(), Code::PermissionDenied, "fenced off");
}
