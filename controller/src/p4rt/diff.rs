use std::collections::HashMap;

use mimiq_contract::{Entry, EntryKey, TableSchema as _, tables::*};

/// One change of a switch's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new entry.
    Insert(Entry),
    /// Another action for an entry that is there.
    Modify(Entry),
    /// An entry goes.
    Delete(EntryKey),
}

impl Operation {
    /// The entry it is about.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Insert(entry) | Self::Modify(entry) => entry.key(),
            Self::Delete(key) => *key,
        }
    }

    /// The change that makes `entry` so, where `present` says whether there is one with its key.
    pub fn set(entry: Entry, present: bool) -> Self {
        // A table without a key always has its default entry, and P4Runtime can only modify it (§9.1.6).
        if present || entry.key().table_id() == SwitchInfo::ID { Self::Modify(entry) } else { Self::Insert(entry) }
    }
}

/// The changes that turn the tables from `actual` into `desired`, in an order in which no packet passes that neither
/// state lets pass: ports that change are closed first and opened last, and sources are denied before ports open.
///
/// `desired` maps each entry's own key to it. The order within a rank is that of the keys, so equal inputs give
/// equal outputs.
pub fn diff(desired: &HashMap<EntryKey, Entry>, actual: &[Entry]) -> Vec<Operation> {
    let mut present = HashMap::with_capacity(actual.len());
    let mut operations = Vec::new();
    for entry in actual {
        let key = entry.key();
        present.insert(key, entry);
        // The default entry cannot be deleted; without a desired one it does no harm.
        if !desired.contains_key(&key) && key.table_id() != SwitchInfo::ID {
            operations.push(Operation::Delete(key));
        }
    }
    for (key, entry) in desired {
        match present.get(key) {
            Some(there) if *there == entry => {}
            there => operations.push(Operation::set(*entry, there.is_some())),
        }
    }
    operations.sort_by_cached_key(|operation| (rank(operation), operation.key()));
    operations
}

fn rank(operation: &Operation) -> u8 {
    let deleted = matches!(operation, Operation::Delete(_));
    match operation.key().table_id() {
        PortRole::ID => {
            if deleted {
                0
            } else {
                5
            }
        }
        DeniedSourceV6::ID | DeniedSourceV4::ID => {
            if deleted {
                4
            } else {
                1
            }
        }
        _ if deleted => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use mimiq_contract::{MacAddr, PortId, Prefix, Role};
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let role = prop_oneof![Just(Role::Client), Just(Role::Fabric), Just(Role::Upstream)];
        let addr = |n: u8| Ipv6Addr::from_bits(u128::from(n) << 64);
        prop_oneof![
            (0u16..6, role.clone()).prop_map(|(port, role)| {
                Entry::PortRole(PortRoleKey { port: PortId(port) }, PortRoleAction::SetRole { role })
            }),
            (0u16..6, role).prop_map(|(port, role)| {
                Entry::EgressRole(EgressRoleKey { port: PortId(port) }, EgressRoleAction::SetEgressRole { role })
            }),
            (0u8..6, 0u8..3).prop_map(move |(n, m)| {
                let action = ClientV6Action::Deliver { port: PortId(1), mac: MacAddr([2, 0, 0, 0, 0, m]) };
                Entry::ClientV6(ClientV6Key { dst_addr: addr(n) }, action)
            }),
            (0u8..6).prop_map(move |n| {
                let src_addr = Prefix::new(addr(n), 64).unwrap();
                Entry::DeniedSourceV6(DeniedSourceV6Key { src_addr }, DeniedSourceV6Action::Deny {})
            }),
            (1320u16..1323).prop_map(move |fabric_mtu| {
                let action = SwitchInfoAction::SetSwitchInfo {
                    mac: MacAddr([2, 0, 0, 0, 0, 1]),
                    tunnel_addr: addr(1),
                    icmp_addr_v6: addr(1),
                    icmp_addr_v4: [10, 0, 0, 1].into(),
                    fabric_mtu,
                };
                Entry::SwitchInfo(SwitchInfoKey {}, action)
            }),
        ]
    }

    fn tables() -> impl Strategy<Value = HashMap<EntryKey, Entry>> {
        proptest::collection::vec(entry(), 0..20).prop_map(|all| all.into_iter().map(|e| (e.key(), e)).collect())
    }

    /// What a P4Runtime server does, strictly.
    fn apply(tables: &mut HashMap<EntryKey, Entry>, operation: Operation) {
        let key = operation.key();
        let keyless = key.table_id() == SwitchInfo::ID;
        match operation {
            Operation::Insert(entry) => assert!(!keyless && tables.insert(key, entry).is_none(), "insert of {key:?}"),
            Operation::Modify(entry) => assert!(tables.insert(key, entry).is_some() || keyless, "modify of {key:?}"),
            Operation::Delete(_) => assert!(!keyless && tables.remove(&key).is_some(), "delete of {key:?}"),
        }
    }

    proptest! {
        #[test]
        fn leads_from_actual_to_desired(desired in tables(), actual in tables()) {
            let mut reached = actual.clone();
            let before: Vec<_> = actual.values().copied().collect();
            for operation in diff(&desired, &before) {
                apply(&mut reached, operation);
            }
            reached.retain(|key, _| key.table_id() != SwitchInfo::ID || desired.contains_key(key));
            prop_assert_eq!(&reached, &desired);
            let after: Vec<_> = reached.values().copied().collect();
            prop_assert_eq!(diff(&desired, &after), vec![]);
        }

        #[test]
        fn opens_ports_last_and_never_lacks_a_denial_of_both(desired in tables(), actual in tables()) {
            let before: Vec<_> = actual.values().copied().collect();
            let operations = diff(&desired, &before);
            let opened = operations.iter().position(|o| matches!(o, Operation::Insert(Entry::PortRole(..)) | Operation::Modify(Entry::PortRole(..))));
            if let Some(first) = opened {
                prop_assert!(operations[first..].iter().all(|o| o.key().table_id() == PortRole::ID));
            }
            let closed = operations.iter().filter(|o| matches!(o, Operation::Delete(EntryKey::PortRole(_)))).count();
            prop_assert!(operations[..closed].iter().all(|o| matches!(o, Operation::Delete(EntryKey::PortRole(_)))));
        }
    }
}
