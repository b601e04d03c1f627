//! What the vectors expect, taken together, leaves nothing of the pipeline out.

use std::collections::{BTreeMap, BTreeSet};

use mimiq_contract::{DropReason, Entry, Role, tables::*};
use mimiq_vectors::{
    entry,
    file::{self, Vector},
    names::{self, P4INFO},
};

fn vectors() -> Vec<Vector> {
    file::read_all(&file::directory()).unwrap_or_else(|error| panic!("{error:#}"))
}

fn name(entry: &Entry) -> &'static str {
    let id = entry.to_p4().table_id;
    names::alias(&names::table_by_id(id).unwrap().preamble)
}

/// The entries that vectors expect to be hit (or, with `false`, not hit).
fn expected(vectors: &[Vector], hit: bool) -> impl Iterator<Item = &Entry> {
    vectors.iter().flat_map(move |vector| {
        let keys = vector.hits.iter().filter(move |(_, packets)| (*packets > 0) == hit);
        keys.map(|(key, _)| &vector.state[key])
    })
}

fn all_tables() -> BTreeSet<&'static str> {
    P4INFO.tables.iter().map(|table| names::alias(&table.preamble)).collect()
}

#[test]
fn every_table_is_hit_and_every_action_runs() {
    let vectors = vectors();
    let tables: BTreeSet<_> = expected(&vectors, true).map(name).collect();
    let actions: BTreeSet<_> =
        expected(&vectors, true).map(|e| names::alias(&entry::action_of(e).unwrap().preamble)).collect();
    // It has no counter; what is delivered shows it, and its miss is a drop reason.
    let without_counter: (BTreeSet<_>, BTreeSet<_>) = (["switch_info"].into(), ["set_switch_info"].into());
    assert_eq!(&tables | &without_counter.0, all_tables());
    let all: BTreeSet<_> = P4INFO.tables.iter().flat_map(names::actions).map(|a| names::alias(&a.preamble)).collect();
    assert_eq!(&actions | &without_counter.1, all);
}

#[test]
fn every_table_has_an_entry_that_is_missed() {
    let tables: BTreeSet<_> = expected(&vectors(), false).map(name).collect();
    let mut all = all_tables();
    all.remove("switch_info");
    assert_eq!(tables, all);
}

#[test]
fn every_drop_reason_occurs() {
    let vectors = vectors();
    let found: BTreeSet<_> = vectors.iter().flat_map(|v| &v.inputs).filter_map(|input| input.drop).collect();
    // That one is packet I/O's, not the pipeline's.
    let all: BTreeSet<_> = DropReason::ALL.iter().copied().filter(|reason| *reason != DropReason::Egress).collect();
    assert_eq!(found, all);
}

#[test]
fn frames_arrive_at_and_leave_by_ports_of_every_role() {
    let vectors = vectors();
    let (mut arrive, mut leave, mut answers) = (BTreeMap::new(), BTreeMap::new(), 0);
    for vector in &vectors {
        for input in &vector.inputs {
            let role = vector.state.get(&mimiq_contract::EntryKey::PortRole(PortRoleKey { port: input.port }));
            *arrive.entry(role.map(role_of)).or_insert(0) += 1;
            if let Some((port, _)) = &input.out {
                let key = mimiq_contract::EntryKey::EgressRole(EgressRoleKey { port: *port });
                *leave.entry(vector.state.get(&key).map(role_of)).or_insert(0) += 1;
            }
            answers += usize::from(input.out.is_some() && input.drop.is_some());
        }
    }
    let roles = [None, Some(Role::Client), Some(Role::Fabric), Some(Role::Upstream)];
    assert!(roles.iter().all(|role| arrive[role] > 5 && leave[role] > 2), "{arrive:?} {leave:?}");
    assert!(answers > 20, "{answers} ICMP errors");
}

fn role_of(entry: &Entry) -> Role {
    match entry {
        Entry::PortRole(_, PortRoleAction::SetRole { role }) => *role,
        Entry::EgressRole(_, EgressRoleAction::SetEgressRole { role }) => *role,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_switches_and_both_versions_of_ip_are_there() {
    let vectors = vectors();
    assert!(vectors.len() >= 400, "{}", vectors.len());
    let has = |test: fn(&Vector) -> bool| vectors.iter().filter(|v| test(v)).count();
    let edges = has(|v| v.state.values().any(|e| matches!(e, Entry::PoolV6(..))));
    let access = has(|v| v.state.values().any(|e| matches!(e, Entry::SourceGuardV6(..))));
    assert!(edges > 50 && access > 50, "{edges} {access}");
    for ether_type in [[0x08, 0x00], [0x86, 0xdd], [0x08, 0x06]] {
        let count =
            vectors.iter().flat_map(|v| &v.inputs).filter(|i| i.frame.get(12..14) == Some(&ether_type[..])).count();
        assert!(count > 20, "{ether_type:02x?}: {count}");
    }
    assert!(vectors.iter().flat_map(|v| &v.inputs).any(|i| i.frame.len() > 9000));
}
