//! Counters, read and written on the device itself.

use mimiq_contract::{DropReason, Entry, ids};
use p4runtime::v1::{
    CounterData, CounterEntry, DirectCounterEntry, Entity, Index, TableEntry, Update, entity, update::Type,
};
use tonic::Code;

use crate::common::{client, codes, drop_counter, read, ready_rig, switch_info, update, write};

#[test]
fn counters_are_read_set_and_reset() {
    let mut rig = ready_rig(None);
    rig.drops.add(DropReason::NoRole, 100);
    let at = |index| {
        entity::Entity::CounterEntry(CounterEntry {
            counter_id: ids::COUNTER_DROP_REASON,
            index: Some(Index { index }),
            data: None,
        })
    };
    let value = |device: &mimiq_switch::Device, index| match read(device, at(index)).0.as_slice() {
        [entity::Entity::CounterEntry(entry)] => entry.data.unwrap(),
        other => panic!("{other:?}"),
    };
    let data = |packet_count, byte_count| CounterData { byte_count, packet_count };
    assert_eq!(value(&rig.device, DropReason::NoRole as i64), data(1, 100));
    let set = write(vec![drop_counter(Type::Modify, Some(DropReason::NoRole as i64), Some(data(5, 50)))]);
    assert_eq!(codes(&rig.device.write(&set).unwrap()), [Code::Ok]);
    rig.drops.add(DropReason::NoRole, 7);
    assert_eq!(value(&rig.device, DropReason::NoRole as i64), data(6, 57));
    rig.device.write(&write(vec![drop_counter(Type::Modify, None, Some(data(0, 0)))])).unwrap();
    assert_eq!(value(&rig.device, DropReason::NoRole as i64), data(0, 0));
    for id in [0, ids::COUNTER_DROP_REASON] {
        let wildcard = entity::Entity::CounterEntry(CounterEntry { counter_id: id, index: None, data: None });
        assert_eq!(read(&rig.device, wildcard).0.len(), 64);
    }
    let direct = |n: u128, data| {
        entity::Entity::DirectCounterEntry(DirectCounterEntry { table_entry: Some(client(n, 1).key().to_p4()), data })
    };
    assert_eq!(codes(&read(&rig.device, direct(1, None)).1), [Code::NotFound]);
    let initial = TableEntry { counter_data: Some(data(3, 30)), ..client(1, 1).to_p4() };
    rig.device.write(&write(vec![update(Type::Insert, initial)])).unwrap();
    let counter = |device: &_| match read(device, direct(1, None)).0.as_slice() {
        [entity::Entity::DirectCounterEntry(entry)] => entry.data.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(counter(&rig.device), data(3, 30));
    rig.device.write(&write(vec![update(Type::Modify, client(1, 2).to_p4())])).unwrap();
    assert_eq!(counter(&rig.device), data(3, 30), "MODIFY without counter_data keeps the counter");
    let reset =
        Update { r#type: Type::Modify as i32, entity: Some(Entity { entity: Some(direct(1, Some(data(0, 0)))) }) };
    assert_eq!(codes(&rig.device.write(&write(vec![reset])).unwrap()), [Code::Ok]);
    assert_eq!(counter(&rig.device), data(0, 0));
}

/// Default entries have no direct counter on every target.
#[test]
fn the_table_without_key_has_no_direct_counter() {
    let mut rig = ready_rig(None);
    rig.device.write(&write(vec![update(Type::Modify, switch_info(1500).to_p4())])).unwrap();
    let (entry, data) = (switch_info(1400).to_p4(), Some(CounterData::default()));
    let counter = DirectCounterEntry { table_entry: Some(entry.clone()), data };
    let direct = entity::Entity::DirectCounterEntry(counter);
    let set = Update { r#type: Type::Modify as i32, entity: Some(Entity { entity: Some(direct.clone()) }) };
    let with_data = update(Type::Modify, TableEntry { counter_data: data, ..entry.clone() });
    for results in [rig.device.write(&write(vec![set, with_data])).unwrap(), read(&rig.device, direct).1] {
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(
                (error.code, &error.message[..]),
                (Code::InvalidArgument, "switch_info: the table has no direct counter")
            );
        }
    }
    let asked = TableEntry { action: None, counter_data: data, ..entry };
    let (found, _) = read(&rig.device, entity::Entity::TableEntry(asked));
    assert_eq!(found, [entity::Entity::TableEntry(switch_info(1500).to_p4())], "there is nothing to add");
    rig.device.write(&write(vec![update(Type::Insert, client(1, 1).to_p4())])).unwrap();
    let (all, _) = read(&rig.device, entity::Entity::DirectCounterEntry(DirectCounterEntry::default()));
    let tables: Vec<_> = all
        .iter()
        .map(|entity| match entity {
            entity::Entity::DirectCounterEntry(counter) => counter.table_entry.as_ref().unwrap().table_id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tables, [Entry::key(&client(1, 1)).table_id()]);
}
