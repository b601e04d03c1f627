//! Comparing two p4infos for a controller's purposes.

use p4runtime::config::v1::{
    Action, MatchField, P4Info, Preamble, Table,
    match_field::{Match, MatchType},
};

/// What in `given` differs from `ours` for a controller: IDs, names, widths, match types, actions, sizes, counters, meters.
/// Package information, documentation, annotations, source locations and the order do not matter.
pub fn differences(ours: &P4Info, given: &P4Info) -> Vec<String> {
    let mut out = Vec::new();
    by_id("table", &ours.tables, &given.tables, |t| t.preamble.as_ref(), table, &mut out);
    by_id("action", &ours.actions, &given.actions, |a| a.preamble.as_ref(), action, &mut out);
    by_id(
        "counter",
        &ours.counters,
        &given.counters,
        |c| c.preamble.as_ref(),
        |name, a, b, out| {
            field(&format!("counter {name}: size"), a.size, b.size, out);
            field(&format!("counter {name}: unit"), a.spec.map(|s| s.unit), b.spec.map(|s| s.unit), out);
        },
        &mut out,
    );
    by_id(
        "direct counter",
        &ours.direct_counters,
        &given.direct_counters,
        |c| c.preamble.as_ref(),
        |name, a, b, out| {
            field(&format!("direct counter {name}: direct_table_id"), a.direct_table_id, b.direct_table_id, out);
            field(&format!("direct counter {name}: unit"), a.spec.map(|s| s.unit), b.spec.map(|s| s.unit), out);
        },
        &mut out,
    );
    by_id(
        "meter",
        &ours.meters,
        &given.meters,
        |m| m.preamble.as_ref(),
        |name, a, b, out| {
            field(&format!("meter {name}: size"), a.size, b.size, out);
            field(&format!("meter {name}: unit"), a.spec.map(|s| s.unit), b.spec.map(|s| s.unit), out);
            field(&format!("meter {name}: type"), a.spec.map(|s| s.r#type), b.spec.map(|s| s.r#type), out);
        },
        &mut out,
    );
    let unsupported = [
        ("action_profiles", given.action_profiles.len()),
        ("direct_meters", given.direct_meters.len()),
        ("controller_packet_metadata", given.controller_packet_metadata.len()),
        ("value_sets", given.value_sets.len()),
        ("registers", given.registers.len()),
        ("digests", given.digests.len()),
        ("externs", given.externs.len()),
    ];
    out.extend(
        unsupported
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(name, n)| format!("{name}: {n} given, this pipeline has none")),
    );
    out
}

fn by_id<T>(
    kind: &str,
    ours: &[T],
    given: &[T],
    preamble: impl Fn(&T) -> Option<&Preamble>,
    compare: impl Fn(&str, &T, &T, &mut Vec<String>),
    out: &mut Vec<String>,
) {
    let id = |item: &T| preamble(item).map_or(0, |p| p.id);
    let name = |item: &T| preamble(item).map_or(String::new(), |p| p.alias.clone());
    for own in ours {
        let mut found = given.iter().filter(|item| id(item) == id(own));
        match (found.next(), found.next()) {
            (Some(item), None) => {
                field(&format!("{kind} {:#010x}: alias", id(own)), name(own), name(item), out);
                compare(&name(own), own, item, out);
            }
            (None, _) => out.push(format!("{kind} {} ({:#010x}): missing", name(own), id(own))),
            (Some(_), Some(_)) => out.push(format!("{kind} {} ({:#010x}): repeated", name(own), id(own))),
        }
    }
    for item in given.iter().filter(|item| !ours.iter().any(|own| id(own) == id(item))).take(100) {
        out.push(format!("{kind} {} ({:#010x}): unknown", name(item), id(item)));
    }
}

fn field<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, given: T, out: &mut Vec<String>) {
    if ours != given {
        out.push(format!("{what} is {given:?}, must be {ours:?}"));
    }
}

fn table(name: &str, ours: &Table, given: &Table, out: &mut Vec<String>) {
    for own in &ours.match_fields {
        let what = format!("table {name}: match field {}", own.name);
        match given.match_fields.iter().find(|f| f.id == own.id) {
            None => out.push(format!("{what} (id {}): missing", own.id)),
            Some(f) => {
                field(&format!("table {name}: match field {}: name", own.id), &own.name, &f.name, out);
                field(&format!("{what}: bitwidth"), own.bitwidth, f.bitwidth, out);
                field(&format!("{what}: match_type"), match_type(own), match_type(f), out);
            }
        }
    }
    field(&format!("table {name}: number of match fields"), ours.match_fields.len(), given.match_fields.len(), out);
    let refs = |t: &Table| {
        let mut refs: Vec<_> = t.action_refs.iter().map(|r| (r.id, r.scope)).collect();
        refs.sort_unstable();
        refs
    };
    field(&format!("table {name}: action_refs (id, scope)"), refs(ours), refs(given), out);
    field(&format!("table {name}: size"), ours.size, given.size, out);
    let sorted = |t: &Table| {
        let mut ids = t.direct_resource_ids.clone();
        ids.sort_unstable();
        ids
    };
    field(&format!("table {name}: direct_resource_ids"), sorted(ours), sorted(given), out);
    field(
        &format!("table {name}: const_default_action_id"),
        ours.const_default_action_id,
        given.const_default_action_id,
        out,
    );
    field(&format!("table {name}: implementation_id"), ours.implementation_id, given.implementation_id, out);
}

fn match_type(field: &MatchField) -> String {
    match &field.r#match {
        Some(Match::MatchType(kind)) => {
            MatchType::try_from(*kind).map_or(kind.to_string(), |kind| kind.as_str_name().into())
        }
        Some(Match::OtherMatchType(name)) => name.clone(),
        None => "missing".into(),
    }
}

fn action(name: &str, ours: &Action, given: &Action, out: &mut Vec<String>) {
    for own in &ours.params {
        let what = format!("action {name}: param {}", own.name);
        match given.params.iter().find(|p| p.id == own.id) {
            None => out.push(format!("{what} (id {}): missing", own.id)),
            Some(p) => {
                field(&format!("action {name}: param {}: name", own.id), &own.name, &p.name, out);
                field(&format!("{what}: bitwidth"), own.bitwidth, p.bitwidth, out);
            }
        }
    }
    field(&format!("action {name}: number of params"), ours.params.len(), given.params.len(), out);
}
