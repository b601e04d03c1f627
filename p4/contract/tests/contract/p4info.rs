//! The Rust tables against the p4info, field by field.

use std::collections::{BTreeMap, BTreeSet};

use mimiq_contract::{DropReason, Entry, MatchType, P4INFO_TEXT};
use p4runtime::config::v1::{
    Action, CounterSpec, P4Info, Preamble, Table, action_ref::Scope, counter_spec::Unit, match_field, meter_spec,
};

use crate::common::TABLES;

/// The ID that compilers give to `NoAction`.
const NO_ACTION: u32 = mimiq_contract::ids::ACTION_NOACTION;

fn p4info() -> P4Info {
    p4runtime::p4info_from_text(P4INFO_TEXT).unwrap()
}

fn preamble(preamble: &Option<Preamble>) -> &Preamble {
    preamble.as_ref().unwrap()
}

/// The p4info's tables by ID: compilers write them in an order of their own.
fn tables(info: &P4Info) -> BTreeMap<u32, &Table> {
    info.tables.iter().map(|t| (preamble(&t.preamble).id, t)).collect()
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

/// The p4info's name of a table's action. Targets with direct counters share no action between tables: where several tables
/// do the same, its name ends as the table's does.
fn is_name_of(alias: &str, action: &str, table: &str) -> bool {
    match alias.strip_prefix(&snake_case(action)) {
        Some("") => true,
        Some(suffix) => format!("_{table}").ends_with(suffix) && ["_v6", "_v4", "_alias"].contains(&suffix),
        None => false,
    }
}

#[test]
fn tables_are_those_of_the_p4info() {
    let info = p4info();
    let theirs: Vec<_> = tables(&info).into_iter().map(|(id, t)| (id, preamble(&t.preamble).alias.as_str())).collect();
    let ours: Vec<_> = TABLES.iter().map(|t| (t.id, t.name)).collect();
    assert_eq!(ours, theirs);
    assert_eq!(Entry::TABLES, theirs);
    assert_eq!(info.tables.len(), theirs.len(), "table IDs are unique");
    for (id, name) in theirs {
        assert_eq!(preamble(&tables(&info)[&id].preamble).name, format!("ingress.{name}"));
    }
}

#[test]
fn match_fields_are_equal() {
    let info = p4info();
    let by_id = tables(&info);
    for ours in TABLES.iter() {
        let expected: Vec<_> =
            (1..).zip(ours.fields).map(|(id, f)| (id, f.name, f.bits as i32, f.match_type)).collect();
        let fields: Vec<_> = by_id[&ours.id]
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
fn entry_actions(table: &Table) -> BTreeSet<u32> {
    table.action_refs.iter().filter(|a| a.scope() != Scope::DefaultOnly).map(|a| a.id).collect()
}

#[test]
fn actions_and_their_parameters_are_equal() {
    let info = p4info();
    let (by_id, tables) = (actions(&info), tables(&info));
    assert_eq!(by_id.len(), info.actions.len(), "action IDs are unique");
    let mut used = BTreeSet::from([NO_ACTION]);
    for ours in TABLES.iter() {
        assert_eq!(ours.actions.iter().map(|a| a.id).collect::<BTreeSet<_>>(), entry_actions(tables[&ours.id]));
        for action in ours.actions {
            let their = by_id[&action.id];
            let Preamble { name, alias, .. } = preamble(&their.preamble);
            assert!(is_name_of(alias, action.name, ours.name), "{}: {} is {alias}", ours.name, action.name);
            assert_eq!(name, &format!("ingress.{alias}"));
            let expected: Vec<_> = (1..).zip(action.params).map(|(id, p)| (id, p.0, p.1 as i32)).collect();
            let params: Vec<_> = their.params.iter().map(|p| (p.id, p.name.as_str(), p.bitwidth)).collect();
            assert_eq!(expected, params, "{}: {}", ours.name, action.name);
            assert!(used.insert(action.id), "{}: {alias} is another table's action as well", ours.name);
        }
    }
    assert_eq!(used, by_id.keys().copied().collect(), "every action is some table's");
}

#[test]
fn a_miss_does_nothing_in_every_table() {
    for table in &p4info().tables {
        let alias = &preamble(&table.preamble).alias;
        let defaults: Vec<_> = table.action_refs.iter().filter(|a| a.scope() == Scope::DefaultOnly).collect();
        assert_eq!(defaults.iter().map(|a| a.id).collect::<Vec<_>>(), [NO_ACTION], "{alias}");
        // Fixed, but for the table without a key, whose only entry is the default one.
        let fixed = if table.match_fields.is_empty() { 0 } else { NO_ACTION };
        assert_eq!(table.const_default_action_id, fixed, "{alias}");
    }
}

#[test]
fn every_table_has_a_size_and_every_one_with_a_key_a_direct_counter() {
    let info = p4info();
    let both = Some(CounterSpec { unit: Unit::Both.into() });
    let counters: BTreeMap<_, _> = info.direct_counters.iter().map(|c| (c.direct_table_id, c)).collect();
    assert_eq!(info.direct_counters.len(), info.tables.len() - 1);
    for table in &info.tables {
        let Preamble { id, alias, .. } = preamble(&table.preamble);
        assert!(table.size > 0, "{alias}");
        // A default entry has no direct counter on BMv2.
        if table.match_fields.is_empty() {
            assert_eq!(table.direct_resource_ids, [], "{alias}");
            continue;
        }
        let counter = counters[id];
        assert_eq!(counter.spec, both, "{alias}");
        assert_eq!(preamble(&counter.preamble).alias, format!("{alias}_counter"));
        assert_eq!(preamble(&counter.preamble).id & 0xff_ffff, id & 0xff_ffff, "{alias}");
        assert_eq!(table.direct_resource_ids, [preamble(&counter.preamble).id], "{alias}");
    }
}

#[test]
fn icmp_errors_have_one_meter() {
    let info = p4info();
    let [meter] = info.meters.as_slice() else { panic!("one meter") };
    assert_eq!(preamble(&meter.preamble).id, mimiq_contract::ids::METER_ICMP_ERROR_METER);
    assert_eq!(preamble(&meter.preamble).name, "ingress.icmp_error_meter");
    assert_eq!(meter.spec.as_ref().map(|s| s.unit()), Some(meter_spec::Unit::Packets));
    assert_eq!(meter.size, 1);
}

#[test]
fn sizes_are_those_the_design_promises() {
    let sizes: BTreeMap<_, _> = p4info().tables.iter().map(|t| (preamble(&t.preamble).alias.clone(), t.size)).collect();
    assert_eq!(sizes["alias"], 1 << 16);
    assert_eq!(sizes["port_role"], mimiq_contract::PortId::COUNT as i64);
    assert_eq!(sizes["egress_role"], mimiq_contract::PortId::COUNT as i64);
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
        .chain(info.meters.iter().map(|m| &m.preamble))
        .map(|p| preamble(p).id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(info.tables.iter().all(|t| preamble(&t.preamble).id >> 24 == 2), "P4Ids.TABLE");
    assert!(info.actions.iter().all(|a| preamble(&a.preamble).id >> 24 == 1), "P4Ids.ACTION");
    assert!(info.counters.iter().all(|c| preamble(&c.preamble).id >> 24 == 18), "P4Ids.COUNTER");
    assert!(info.direct_counters.iter().all(|c| preamble(&c.preamble).id >> 24 == 19), "P4Ids.DIRECT_COUNTER");
    assert!(info.meters.iter().all(|m| preamble(&m.preamble).id >> 24 == 20), "P4Ids.METER");
}
