//! The Rust tables against the p4info, field by field.

#![allow(clippy::unwrap_used, clippy::panic)] // the lints' exception for tests leaves out their helpers

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::TABLES;
use mimiq_contract::{DropReason, Entry, MatchType, P4INFO_TEXT};
use p4runtime::config::v1::{
    Action, CounterSpec, P4Info, Preamble, Table, action_ref::Scope, counter_spec::Unit, match_field,
};

fn p4info() -> P4Info {
    p4runtime::p4info_from_text(P4INFO_TEXT).unwrap()
}

fn preamble(preamble: &Option<Preamble>) -> &Preamble {
    preamble.as_ref().unwrap()
}

fn actions(info: &P4Info) -> BTreeMap<u32, &Action> {
    info.actions.iter().map(|a| (preamble(&a.preamble).id, a)).collect()
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[test]
fn tables_are_those_of_the_p4info_in_its_order() {
    let info = p4info();
    let theirs: Vec<_> =
        info.tables.iter().map(|t| (preamble(&t.preamble).id, preamble(&t.preamble).alias.as_str())).collect();
    let ours: Vec<_> = TABLES.iter().map(|t| (t.id, t.name)).collect();
    assert_eq!(ours, theirs);
    assert_eq!(Entry::TABLES, theirs);
    for table in &info.tables {
        let Preamble { name, alias, id, .. } = preamble(&table.preamble);
        assert_eq!(name, &format!("ingress.{alias}"));
        assert_eq!(id >> 24, 2, "{alias}: P4Ids.TABLE");
    }
}

#[test]
fn match_fields_are_equal() {
    for (ours, theirs) in TABLES.iter().zip(&p4info().tables) {
        let expected: Vec<_> =
            (1..).zip(ours.fields).map(|(id, f)| (id, f.name, f.bits as i32, f.match_type)).collect();
        let fields: Vec<_> = theirs
            .match_fields
            .iter()
            .map(|f| {
                let match_type = match f.r#match {
                    Some(match_field::Match::MatchType(t)) if t == match_field::MatchType::Exact as i32 => {
                        MatchType::Exact
                    }
                    Some(match_field::Match::MatchType(t)) if t == match_field::MatchType::Lpm as i32 => MatchType::Lpm,
                    ref other => panic!("{}.{}: {other:?}", ours.name, f.name),
                };
                (f.id, f.name.as_str(), f.bitwidth, match_type)
            })
            .collect();
        assert_eq!(expected, fields, "{}", ours.name);
        assert_eq!(ours.keyless, fields.is_empty(), "{}", ours.name);
    }
}

/// The actions an entry can have: those that are not for the default entry alone.
fn entry_actions(table: &Table) -> Vec<u32> {
    table.action_refs.iter().filter(|a| a.scope() != Scope::DefaultOnly).map(|a| a.id).collect()
}

#[test]
fn actions_and_their_parameters_are_equal() {
    let info = p4info();
    let by_id = actions(&info);
    assert_eq!(by_id.len(), info.actions.len(), "action IDs are unique");
    for (ours, theirs) in TABLES.iter().zip(&info.tables) {
        assert_eq!(ours.actions.iter().map(|a| a.id).collect::<Vec<_>>(), entry_actions(theirs), "{}", ours.name);
        for action in ours.actions {
            let their = by_id[&action.id];
            assert_eq!(snake_case(action.name), preamble(&their.preamble).alias, "{}", ours.name);
            let expected: Vec<_> = (1..).zip(action.params).map(|(id, p)| (id, p.0, p.1 as i32)).collect();
            let params: Vec<_> = their.params.iter().map(|p| (p.id, p.name.as_str(), p.bitwidth)).collect();
            assert_eq!(expected, params, "{}: {}", ours.name, action.name);
        }
        for reference in &theirs.action_refs {
            assert!(by_id.contains_key(&reference.id), "{}: action {:#x}", ours.name, reference.id);
        }
    }
}

#[test]
fn every_table_has_a_size_a_default_and_a_direct_counter() {
    let info = p4info();
    let both = Some(CounterSpec { unit: Unit::Both.into() });
    assert_eq!(info.direct_counters.len(), info.tables.len());
    for (table, counter) in info.tables.iter().zip(&info.direct_counters) {
        let Preamble { id, alias, .. } = preamble(&table.preamble);
        assert!(table.size > 0, "{alias}");
        assert_eq!(table.action_refs.iter().filter(|a| a.scope() == Scope::DefaultOnly).count(), 1, "{alias}");
        assert_eq!(counter.direct_table_id, *id, "{alias}");
        assert_eq!(counter.spec, both, "{alias}");
        assert_eq!(preamble(&counter.preamble).alias, format!("{alias}_counter"));
        assert_eq!(table.direct_resource_ids, [preamble(&counter.preamble).id], "{alias}");
    }
}

#[test]
fn sizes_are_those_the_design_promises() {
    let sizes: BTreeMap<_, _> = p4info().tables.iter().map(|t| (preamble(&t.preamble).alias.clone(), t.size)).collect();
    assert_eq!(sizes["alias"], 1 << 16);
    assert_eq!(sizes["port_role"], mimiq_contract::PortId::COUNT as i64);
    for table in ["source_guard_v6", "source_guard_v4", "client_v6", "client_v4", "binding_v6", "binding_v4"] {
        assert_eq!(sizes[table], 1 << 20, "{table}");
    }
}

#[test]
fn drop_reasons_are_indices_of_their_counter() {
    let info = p4info();
    let [counter] = info.counters.as_slice() else { panic!("one counter") };
    assert_eq!(preamble(&counter.preamble).id, mimiq_contract::ids::COUNTER_DROP_REASON);
    assert_eq!(preamble(&counter.preamble).alias, "drop_reason");
    let numbers: BTreeMap<_, _> = DropReason::ALL.iter().map(|r| (*r as u8, r.label())).collect();
    let labels: BTreeSet<_> = numbers.values().collect();
    assert_eq!(numbers.len(), DropReason::ALL.len(), "numbers are unique");
    assert_eq!(labels.len(), DropReason::ALL.len(), "labels are unique");
    assert!(!numbers.contains_key(&0), "0 stays free: a cleared register is no reason");
    assert!(numbers.keys().all(|n| i64::from(*n) < counter.size));
}

#[test]
fn all_ids_are_unique_and_of_their_kind() {
    let info = p4info();
    let ids: Vec<_> = (info.tables.iter().map(|t| &t.preamble))
        .chain(info.actions.iter().map(|a| &a.preamble))
        .chain(info.counters.iter().map(|c| &c.preamble))
        .chain(info.direct_counters.iter().map(|c| &c.preamble))
        .map(|p| preamble(p).id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(info.actions.iter().all(|a| preamble(&a.preamble).id >> 24 == 1), "P4Ids.ACTION");
    assert!(info.counters.iter().all(|c| preamble(&c.preamble).id >> 24 == 18), "P4Ids.COUNTER");
    assert!(info.direct_counters.iter().all(|c| preamble(&c.preamble).id >> 24 == 19), "P4Ids.DIRECT_COUNTER");
}
