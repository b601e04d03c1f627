//! Table entries as text: `TABLE FIELD=VALUE ... -> ACTION(PARAMETER=VALUE, ...)`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use mimiq_contract::{Entry, EntryKey};
use p4runtime::{
    config::v1::{Action as ActionInfo, MatchField, Table},
    v1::{
        Action, FieldMatch, TableAction, TableEntry,
        action::Param,
        field_match::{Exact, FieldMatchType, Lpm},
        table_action,
    },
};

use crate::{names, value};

/// All entries of a switch.
pub type State = BTreeMap<EntryKey, Entry>;

/// Reads an entry.
///
/// # Errors
/// If it does not fit the contract; the message names table, field and value.
pub fn parse(text: &str) -> Result<Entry> {
    let (key, action) = text.split_once("->").context("an entry is TABLE FIELD=VALUE ... -> ACTION(...)")?;
    let (table, mut entry) = parse_fields(key)?;
    let action = parse_action(table, action.trim()).with_context(|| names::alias(&table.preamble).to_owned())?;
    entry.action = Some(TableAction { r#type: Some(table_action::Type::Action(action)) });
    Ok(Entry::from_p4(&entry)?)
}

/// Reads a key: an entry without its action.
///
/// # Errors
/// As [`parse`].
pub fn parse_key(text: &str) -> Result<EntryKey> {
    Ok(EntryKey::from_p4(&parse_fields(text)?.1)?)
}

fn parse_fields(text: &str) -> Result<(&'static Table, TableEntry)> {
    let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let name = words.next().context("a table's name is missing")?;
    let table = names::table(name).ok_or_else(|| anyhow!("{name}: no such table"))?;
    let mut fields = Vec::new();
    for word in words {
        let (field, text) = word.split_once('=').ok_or_else(|| anyhow!("{name}: {word:?} is not FIELD=VALUE"))?;
        let info = table.match_fields.iter().find(|f| f.name == field);
        let info = info.ok_or_else(|| anyhow!("{name}: no such field: {field}"))?;
        let field_match_type = parse_match(info, text).with_context(|| format!("{name}: {field}"))?;
        ensure!(!fields.iter().any(|f: &FieldMatch| f.field_id == info.id), "{name}: {field} is given twice");
        fields.push(FieldMatch { field_id: info.id, field_match_type });
    }
    // The prefix of length 0 is the field left out, in P4Runtime but not here.
    for info in &table.match_fields {
        ensure!(fields.iter().any(|f| f.field_id == info.id), "{name}: {} is missing", info.name);
    }
    fields.retain(|field| field.field_match_type.is_some());
    let is_default_action = table.match_fields.is_empty();
    let table_id = names::id(&table.preamble);
    Ok((table, TableEntry { table_id, r#match: fields, is_default_action, ..TableEntry::default() }))
}

/// `None` for a prefix of length 0.
fn parse_match(info: &MatchField, text: &str) -> Result<Option<FieldMatchType>> {
    if !names::is_lpm(info) {
        let value = value::bytes(value::parse(info.bitwidth, text)?);
        return Ok(Some(FieldMatchType::Exact(Exact { value })));
    }
    let (addr, len) = text.split_once('/').ok_or_else(|| anyhow!("{text:?} is no prefix (ADDRESS/LENGTH)"))?;
    let (bits, prefix_len) = (value::parse(info.bitwidth, addr)?, i32::try_from(value::number(len)?)?);
    ensure!(prefix_len > 0 || bits == 0, "{text} has bits set behind the prefix");
    Ok((prefix_len > 0).then(|| FieldMatchType::Lpm(Lpm { value: value::bytes(bits), prefix_len })))
}

fn parse_action(table: &'static Table, text: &str) -> Result<Action> {
    let (name, params) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').context("the action's ) is missing")?),
        None => (text, ""),
    };
    let Some(action) = names::actions(table).find(|a| names::alias(&a.preamble) == name) else {
        let known: Vec<_> = names::actions(table).map(|a| names::alias(&a.preamble)).collect();
        bail!("{name:?} is no action of this table, those are: {}", known.join(", "));
    };
    let mut out = Vec::new();
    for param in params.split(',').map(str::trim).filter(|param| !param.is_empty()) {
        let (param, text) = param.split_once('=').ok_or_else(|| anyhow!("{name}: {param:?} is not NAME=VALUE"))?;
        let info = action.params.iter().find(|p| p.name == param.trim());
        let info = info.ok_or_else(|| anyhow!("{name}: no such parameter: {param}"))?;
        let bits = value::parse(info.bitwidth, text.trim()).with_context(|| format!("{name}: {param}"))?;
        out.push(Param { param_id: info.id, value: value::bytes(bits) });
    }
    for info in &action.params {
        ensure!(out.iter().any(|p| p.param_id == info.id), "{name}: {} is missing", info.name);
    }
    Ok(Action { action_id: names::id(&action.preamble), params: out })
}

/// The action of an entry.
pub fn action_of(entry: &Entry) -> Option<&'static ActionInfo> {
    match entry.to_p4().action?.r#type? {
        table_action::Type::Action(action) => names::action(action.action_id),
        _ => None,
    }
}

/// The entry's text, which [`parse`] reads.
pub fn print(entry: &Entry) -> String {
    let mut out = print_key(&entry.key());
    if let Some(TableAction { r#type: Some(table_action::Type::Action(action)) }) = entry.to_p4().action
        && let Some(info) = names::action(action.action_id)
    {
        let text = |param: &Param| {
            let info = info.params.iter().find(|p| p.id == param.param_id)?;
            Some(format!("{}={}", info.name, value::print(info.bitwidth, &param.value)))
        };
        let params: Vec<_> = action.params.iter().filter_map(text).collect();
        out += &format!(" -> {}", names::alias(&info.preamble));
        if !params.is_empty() {
            out += &format!("({})", params.join(", "));
        }
    }
    out
}

/// The key's text, which [`parse_key`] reads.
pub fn print_key(key: &EntryKey) -> String {
    let entry = key.to_p4();
    let Some(table) = names::table_by_id(entry.table_id) else { return String::new() };
    let mut out = names::alias(&table.preamble).to_owned();
    for info in &table.match_fields {
        let field = entry.r#match.iter().find(|f| f.field_id == info.id).and_then(|f| f.field_match_type.as_ref());
        let text = match field {
            Some(FieldMatchType::Exact(exact)) => value::print(info.bitwidth, &exact.value),
            Some(FieldMatchType::Lpm(lpm)) => {
                format!("{}/{}", value::print(info.bitwidth, &lpm.value), lpm.prefix_len)
            }
            _ => format!("{}/0", value::print(info.bitwidth, &[0])),
        };
        out += &format!(" {}={text}", info.name);
    }
    out
}
