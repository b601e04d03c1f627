//! The meter of ICMP errors, configured through the device.

use mimiq_contract::{Entry, PortId, Role, ids, tables::*};
use mimiq_pipeline::{HEADROOM, Packet, Pipeline, Verdict};
use mimiq_switch::ItemError;
use p4runtime::v1::{
    Entity, Index, MeterConfig, MeterCounterData, MeterEntry, Update, entity,
    set_forwarding_pipeline_config_request::Action, update::Type, write_request::Atomicity,
};
use proptest::prelude::*;
use tonic::Code;

use crate::common::{Rig, client, codes, contract, read, ready_rig, set_config, switch_info, update, write};

fn config(rate: i64, burst: i64) -> MeterConfig {
    MeterConfig { cir: rate, cburst: burst, pir: rate, pburst: burst, eburst: 0 }
}

fn meter(config: Option<MeterConfig>) -> MeterEntry {
    let index = Some(Index { index: 0 });
    MeterEntry { meter_id: ids::METER_ICMP_ERROR_METER, index, config, counter_data: None }
}

fn update_of(kind: Type, entry: MeterEntry) -> Update {
    Update { r#type: kind as i32, entity: Some(Entity { entity: Some(entity::Entity::MeterEntry(entry)) }) }
}

fn modify(rig: &mut Rig, entry: MeterEntry) -> Result<(), ItemError> {
    rig.device.write(&write(vec![update_of(Type::Modify, entry)])).unwrap().remove(0)
}

/// What is read of the meter.
fn configured(rig: &Rig) -> Option<MeterConfig> {
    let (found, _) = read(&rig.device, entity::Entity::MeterEntry(meter(None)));
    let [entity::Entity::MeterEntry(entry)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(entry, &meter(entry.config));
    entry.config
}

/// How many of a thousand packets whose hop limit runs out at once are answered.
fn answers(rig: &Rig) -> usize {
    let mut pipeline = Pipeline::new(rig.drops.clone(), rig.device.tables().meter());
    // From upstream, and longer than what an error quotes.
    let mut frame = vec![2; 14 + 40 + 8];
    (frame[12], frame[13], frame[14]) = (0x86, 0xdd, 0x60);
    frame[18..22].copy_from_slice(&[0, 8, 17, 1]);
    let mut count = 0;
    for _ in 0..1000 {
        let mut buf = [&[0; HEADROOM][..], &frame].concat();
        let mut packets = [Packet { buf: &mut buf, start: HEADROOM, len: frame.len(), port: PortId(1) }];
        let mut verdicts = Vec::new();
        pipeline.process(&rig.reader.enter(), 1, &mut packets, &mut verdicts);
        count += usize::from(verdicts == [Verdict::Send(PortId(1))]);
    }
    count
}

/// A switch that answers packets whose hop limit runs out at port 1.
fn rig() -> Rig {
    let mut rig = ready_rig(None);
    let role = PortRoleAction::SetRole { role: Role::Upstream };
    let port = Entry::PortRole(PortRoleKey { port: PortId(1) }, role).to_p4();
    let updates = vec![update(Type::Insert, port), update(Type::Modify, switch_info(1500).to_p4())];
    assert_eq!(rig.device.write(&write(updates)).unwrap(), [Ok(()), Ok(())]);
    rig
}

#[test]
fn limits_errors_once_it_is_configured() {
    let mut rig = rig();
    assert_eq!((configured(&rig), answers(&rig)), (None, 1000), "the default is green");
    for burst in [10, 1, 700] {
        modify(&mut rig, meter(Some(config(100, burst)))).unwrap();
        assert_eq!(configured(&rig), Some(config(100, burst)));
        assert_eq!(answers(&rig), burst as usize);
    }
    modify(&mut rig, meter(None)).unwrap();
    assert_eq!((configured(&rig), answers(&rig)), (None, 1000), "reset");
    // Without an index: all meters of the array.
    modify(&mut rig, MeterEntry { index: None, ..meter(Some(config(100, 10))) }).unwrap();
    assert_eq!((configured(&rig), answers(&rig)), (Some(config(100, 10)), 10));
    rig.device.set_config(set_config(Action::ReconcileAndCommit, Some(contract()))).unwrap();
    assert_eq!(configured(&rig), Some(config(100, 10)));
    rig.device.set_config(set_config(Action::VerifyAndCommit, Some(contract()))).unwrap();
    assert_eq!(configured(&rig), None);
}

#[test]
fn is_read_by_id_by_index_and_with_all_others() {
    let rig = ready_rig(None);
    for (meter_id, index) in [(ids::METER_ICMP_ERROR_METER, Some(0)), (ids::METER_ICMP_ERROR_METER, None), (0, None)] {
        let asked = MeterEntry { meter_id, index: index.map(|index| Index { index }), ..Default::default() };
        let (found, results) = read(&rig.device, entity::Entity::MeterEntry(asked));
        assert_eq!((found, codes(&results)), (vec![entity::Entity::MeterEntry(meter(None))], vec![Code::Ok]));
    }
    let other = MeterEntry { meter_id: 7, ..Default::default() };
    assert_eq!(codes(&read(&rig.device, entity::Entity::MeterEntry(other)).1), [Code::InvalidArgument]);
    for meter_id in [0, ids::METER_ICMP_ERROR_METER] {
        let counters = MeterEntry { meter_id, counter_data: Some(MeterCounterData::default()), ..Default::default() };
        assert_eq!(codes(&read(&rig.device, entity::Entity::MeterEntry(counters)).1), [Code::Unimplemented]);
    }
}

#[test]
fn what_it_cannot_do_is_refused_with_field_and_value() {
    let mut rig = rig();
    modify(&mut rig, meter(Some(config(100, 10)))).unwrap();
    let good = config(50, 5);
    let with = |config| update_of(Type::Modify, meter(Some(config)));
    let index = |index| MeterEntry { index: Some(Index { index }), ..meter(Some(good)) };
    let counters = MeterEntry { counter_data: Some(MeterCounterData::default()), ..meter(Some(good)) };
    for (update, code, text) in [
        (update_of(Type::Insert, meter(Some(good))), Code::InvalidArgument, "type = INSERT"),
        (update_of(Type::Delete, meter(None)), Code::InvalidArgument, "type = DELETE"),
        (
            update_of(Type::Modify, MeterEntry { meter_id: 0x1400_0002, ..meter(Some(good)) }),
            Code::InvalidArgument,
            "meter_id: 0x14000002",
        ),
        (update_of(Type::Modify, index(-1)), Code::InvalidArgument, "index = -1"),
        (update_of(Type::Modify, index(1)), Code::OutOfRange, "index = 1"),
        (update_of(Type::Modify, counters), Code::Unimplemented, "counter_data"),
        (with(MeterConfig { pir: 51, ..good }), Code::Unimplemented, "config.pir = 51"),
        (with(MeterConfig { pburst: 6, ..good }), Code::Unimplemented, "config.pburst = 6"),
        (with(MeterConfig { eburst: 3, ..good }), Code::InvalidArgument, "config.eburst = 3"),
        (with(config(0, 5)), Code::InvalidArgument, "config.cir = 0"),
        (with(config(-8, 5)), Code::InvalidArgument, "config.cir = -8"),
        (with(config(50, 0)), Code::InvalidArgument, "config.cburst = 0"),
        (with(config(50, 1 << 32)), Code::InvalidArgument, "config.cburst = 4294967296"),
    ] {
        let error = rig.device.write(&write(vec![update])).unwrap().remove(0).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(text), "{text}: {error}");
    }
    assert_eq!((configured(&rig), answers(&rig)), (Some(config(100, 10)), 10), "nothing was changed");
}

#[test]
fn is_part_of_an_atomic_batch() {
    let mut rig = ready_rig(None);
    let missing = update(Type::Delete, client(1, 1).key().to_p4());
    let mut batch = write(vec![update_of(Type::Modify, meter(Some(config(100, 10)))), missing]);
    batch.atomicity = Atomicity::RollbackOnError as i32;
    assert_eq!(codes(&rig.device.write(&batch).unwrap()), [Code::Aborted, Code::NotFound]);
    assert_eq!(configured(&rig), None);
    batch.updates.pop();
    assert_eq!(codes(&rig.device.write(&batch).unwrap()), [Code::Ok]);
    assert_eq!(configured(&rig), Some(config(100, 10)));
}

proptest! {
    #[test]
    fn any_configuration_is_kept_or_refused(
        rate in prop_oneof![-2i64..3, any::<i64>()],
        burst in prop_oneof![-2i64..3, any::<i64>(), (1i64 << 32) - 2..(1 << 32) + 2],
        other in prop::option::of((0..3usize, any::<i64>())),
    ) {
        let mut wanted = config(rate, burst);
        if let Some((field, value)) = other {
            *[&mut wanted.pir, &mut wanted.pburst, &mut wanted.eburst].into_iter().nth(field).unwrap() = value;
        }
        let mut rig = ready_rig(None);
        let possible = wanted == config(rate, burst) && rate > 0 && (1..1 << 32).contains(&burst);
        prop_assert_eq!(modify(&mut rig, meter(Some(wanted))).is_ok(), possible);
        prop_assert_eq!(configured(&rig), possible.then_some(wanted));
    }
}
