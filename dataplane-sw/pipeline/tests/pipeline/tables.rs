//! The tables' writer, against a model.

use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use mimiq_contract::{Entry, EntryKey, MacAddr, PortId, Role, TableSchema, tables::*};
use mimiq_pipeline::{TableError, TableSizes, tables};
use proptest::{collection::vec, prelude::*};

use crate::switch::{EDGE, prefix, switch_info};

/// An entry of any table, of few keys, so that they meet again.
fn entry() -> impl Strategy<Value = Entry> {
    (0..Entry::TABLES.len(), 0..4u8, any::<u8>()).prop_map(|(table, n, value)| make(table, n, value))
}

fn make(table: usize, n: u8, value: u8) -> Entry {
    let (v6, v4) = (Ipv6Addr::from_bits(u128::from(n) << 64 | 1), Ipv4Addr::new(192, n, 2, 1));
    let (port, mac, role) = (PortId(u16::from(value)), MacAddr([2, 0, 0, 0, 0, value]), Role::Client);
    let (src_mac, dst_mac, switch_addr) = (mac, mac, Ipv6Addr::from_bits(value.into()));
    // Two prefixes of each length; and those of different lengths, which contain one another.
    let (p6, p4) = (prefix(v6, 64 + n / 2), prefix(v4, 14 + n));
    let key_port = PortId(u16::from(n));
    let guard6 = SourceGuardV6Key { port: key_port, src_mac: MacAddr([n; 6]), src_addr: v6 };
    let guard4 = SourceGuardV4Key { port: key_port, src_mac: MacAddr([n; 6]), src_addr: v4 };
    match table {
        0 => Entry::PortRole(PortRoleKey { port: key_port }, PortRoleAction::SetRole { role }),
        1 => Entry::SourceGuardV6(guard6, SourceGuardV6Action::Permit {}),
        2 => Entry::SourceGuardV4(guard4, SourceGuardV4Action::Permit {}),
        3 => Entry::ClientV6(ClientV6Key { dst_addr: v6 }, ClientV6Action::Deliver { port, mac }),
        4 => Entry::ClientV4(ClientV4Key { dst_addr: v4 }, ClientV4Action::Deliver { port, mac }),
        5 => Entry::PoolV6(PoolV6Key { dst_addr: p6 }, PoolV6Action::AliasPool { mask: switch_addr }),
        6 => Entry::PoolV4(PoolV4Key { dst_addr: p4 }, PoolV4Action::BindingPool {}),
        7 => Entry::Alias(AliasKey { alias_prefix: v6 }, AliasAction::Tunnel { switch_addr }),
        8 => Entry::BindingV6(BindingV6Key { dst_addr: v6 }, BindingV6Action::Tunnel { switch_addr }),
        9 => Entry::BindingV4(BindingV4Key { dst_addr: v4 }, BindingV4Action::Tunnel { switch_addr }),
        10 => Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr: p6 }, DeniedSourceV6Action::Deny {}),
        11 => Entry::DeniedSourceV4(DeniedSourceV4Key { src_addr: p4 }, DeniedSourceV4Action::Deny {}),
        12 => Entry::Decap(DecapKey { outer_src: EDGE, outer_dst: v6 }, DecapAction::Decapsulate {}),
        13 => Entry::ControlRelay(
            ControlRelayKey { dst_addr: v6, udp_dst_port: n.into() },
            ControlRelayAction::RelayToController { sid: value.into(), switch_addr, controller_addr: switch_addr },
        ),
        14 => Entry::RelayReturn(
            RelayReturnKey { src_addr: v6, dst_addr: EDGE, udp_dst_port: n.into() },
            RelayReturnAction::RelayToClient {},
        ),
        15 => Entry::GatewayV6(GatewayV6Key { role, target_addr: v6 }, GatewayV6Action::Answer { mac }),
        16 => Entry::GatewayV4(GatewayV4Key { role, target_addr: v4 }, GatewayV4Action::Answer { mac }),
        17 => Entry::RouteV6(RouteV6Key { dst_addr: p6 }, RouteV6Action::Forward { port, src_mac, dst_mac }),
        18 => Entry::RouteV4(RouteV4Key { dst_addr: p4 }, RouteV4Action::Forward { port, src_mac, dst_mac }),
        19 => switch_info(),
        _ => Entry::EgressRole(EgressRoleKey { port: key_port }, EgressRoleAction::SetEgressRole { role }),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Entry),
    Modify(Entry),
    Delete(EntryKey),
    Clear,
    Publish,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => entry().prop_map(Step::Insert),
        4 => entry().prop_map(Step::Modify),
        4 => entry().prop_map(|entry| Step::Delete(entry.key())),
        1 => Just(Step::Clear),
        3 => Just(Step::Publish),
    ]
}

const SIZE: usize = 3;

/// What a write should do, and does to the model.
fn expect(model: &mut HashMap<EntryKey, Entry>, step: &Step) -> Result<(), &'static str> {
    match step {
        Step::Insert(entry) => {
            let table = entry.key().table_id();
            if table == SwitchInfo::ID {
                Err("keyless")
            } else if model.contains_key(&entry.key()) {
                Err("exists")
            } else if model.keys().filter(|key| key.table_id() == table).count() == SIZE {
                Err("full")
            } else {
                model.insert(entry.key(), *entry);
                Ok(())
            }
        }
        Step::Modify(entry) if entry.key().table_id() == SwitchInfo::ID => {
            model.insert(entry.key(), *entry);
            Ok(())
        }
        Step::Modify(entry) => model.get_mut(&entry.key()).map(|old| *old = *entry).ok_or("not found"),
        Step::Delete(key) => model.remove(key).map(drop).ok_or("not found"),
        Step::Clear => {
            model.clear();
            Ok(())
        }
        Step::Publish => Ok(()),
    }
}

proptest! {
    #[test]
    fn behave_like_a_map(steps in vec(step(), 0..200)) {
        let (mut writer, _reader) = tables(&TableSizes::uniform(SIZE));
        let mut model = HashMap::new();
        for step in steps {
            let expected = expect(&mut model, &step);
            let result = match step {
                Step::Insert(entry) => writer.insert(entry),
                Step::Modify(entry) => writer.modify(entry),
                Step::Delete(key) => writer.delete(key),
                Step::Clear => {
                    writer.clear();
                    Ok(())
                }
                Step::Publish => {
                    writer.publish();
                    Ok(())
                }
            };
            prop_assert_eq!(result.map_err(|error| match error {
                TableError::AlreadyExists { .. } => "exists",
                TableError::NotFound { .. } => "not found",
                TableError::Full { size, .. } if size == SIZE => "full",
                TableError::Full { .. } => "full at another size",
                TableError::Keyless { .. } => "keyless",
                TableError::NoCounters { .. } => "no counters",
            }), expected);
            for (id, _) in Entry::TABLES {
                let mut entries = HashSet::new();
                writer.for_each(*id, false, &mut |entry, _| assert!(entries.insert(entry.key()), "{entry:?} twice"));
                prop_assert_eq!(entries.len(), writer.len(*id));
                prop_assert!(entries.iter().all(|key| model.contains_key(key)));
            }
            prop_assert_eq!(model.len(), Entry::TABLES.iter().map(|(id, _)| writer.len(*id)).sum::<usize>());
            for (key, entry) in &model {
                prop_assert_eq!(writer.get(key).map(|(entry, _)| entry), Some(*entry));
            }
        }
    }
}

#[test]
fn messages_name_the_table_and_its_size() {
    let (mut writer, _reader) = tables(&[(ClientV6::ID, 0)].into_iter().collect());
    let error = writer.insert(make(3, 1, 1)).unwrap_err();
    assert_eq!(error.to_string(), "client_v6: full, its size is 0");
}

#[test]
fn ids_of_no_table_are_empty() {
    let (writer, _reader) = tables(&TableSizes::uniform(SIZE));
    assert_eq!(writer.len(7), 0);
    writer.for_each(7, true, &mut |_, _| panic!("an entry of no table"));
}
