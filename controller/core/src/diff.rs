use std::collections::HashSet;

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

/// What a switch's tables should be.
pub trait Wanted {
    /// The entry with this key, if there should be one.
    fn entry(&self, key: &EntryKey) -> Option<Entry>;
    /// Every entry that there should be, once.
    fn each(&self, visit: &mut dyn FnMut(Entry));
}

/// The changes that turn the tables from `actual` into what is wanted, each with its rank: all of a lower rank must be
/// done before any of a higher one, so that no packet passes that neither state lets pass. Ports that change are closed
/// first and opened last, and sources are denied before ports open.
pub fn diff(wanted: &impl Wanted, actual: &[Entry]) -> Vec<(u8, Operation)> {
    let mut present = HashSet::with_capacity(actual.len());
    let mut operations = Vec::new();
    let mut push = |operation: Operation| operations.push((rank(&operation), operation));
    for entry in actual {
        let key = entry.key();
        present.insert(key);
        match wanted.entry(&key) {
            Some(there) if there == *entry => {}
            Some(other) => push(Operation::set(other, true)),
            // The default entry cannot be deleted; without a desired one it does no harm.
            None if key.table_id() == SwitchInfo::ID => {}
            None => push(Operation::Delete(key)),
        }
    }
    wanted.each(&mut |entry| {
        if !present.contains(&entry.key()) {
            push(Operation::set(entry, false));
        }
    });
    operations.sort_by_key(|(rank, _)| *rank);
    operations
}

/// The rank of what opens a port.
pub(crate) const OPENING: u8 = 5;

fn rank(operation: &Operation) -> u8 {
    let deleted = matches!(operation, Operation::Delete(_));
    match (operation.key().table_id(), deleted) {
        (PortRole::ID, true) => 0,
        (PortRole::ID, false) => OPENING,
        (DeniedSourceV6::ID | DeniedSourceV4::ID, false) => 1,
        (DeniedSourceV6::ID | DeniedSourceV4::ID, true) => 4,
        (_, true) => 2,
        (_, false) => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::Ipv6Addr};

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

    impl Wanted for HashMap<EntryKey, Entry> {
        fn entry(&self, key: &EntryKey) -> Option<Entry> {
            self.get(key).copied()
        }

        fn each(&self, visit: &mut dyn FnMut(Entry)) {
            self.values().for_each(|entry| visit(*entry));
        }
    }

    fn all(desired: &HashMap<EntryKey, Entry>, actual: &[Entry]) -> Vec<Operation> {
        diff(desired, actual).into_iter().map(|(_, operation)| operation).collect()
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
            for operation in all(&desired, &before) {
                apply(&mut reached, operation);
            }
            reached.retain(|key, _| key.table_id() != SwitchInfo::ID || desired.contains_key(key));
            prop_assert_eq!(&reached, &desired);
            let after: Vec<_> = reached.values().copied().collect();
            prop_assert_eq!(all(&desired, &after), vec![]);
        }

        #[test]
        fn opens_ports_last_and_never_lacks_a_denial_of_both(desired in tables(), actual in tables()) {
            let before: Vec<_> = actual.values().copied().collect();
            let operations = all(&desired, &before);
            let opened = operations.iter().position(|o| matches!(o, Operation::Insert(Entry::PortRole(..)) | Operation::Modify(Entry::PortRole(..))));
            if let Some(first) = opened {
                prop_assert!(operations[first..].iter().all(|o| o.key().table_id() == PortRole::ID));
            }
            let closed = operations.iter().filter(|o| matches!(o, Operation::Delete(EntryKey::PortRole(_)))).count();
            prop_assert!(operations[..closed].iter().all(|o| matches!(o, Operation::Delete(EntryKey::PortRole(_)))));
        }
    }
}
