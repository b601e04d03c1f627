use p4runtime::v1::{Action, FieldMatch, TableAction, TableEntry, action, table_action};

use crate::{EntryError, MatchType, ParamField, canonical, field};

/// A match field of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    /// The name in the p4info.
    pub name: &'static str,
    /// The width in bits.
    pub bits: u32,
    /// How it is matched.
    pub match_type: MatchType,
}

/// An action of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSchema {
    /// The ID in the p4info.
    pub id: u32,
    /// The name in this crate.
    pub name: &'static str,
    /// The parameters' names and widths in bits; their IDs count from 1.
    pub params: &'static [(&'static str, u32)],
}

/// One table of the pipeline.
pub trait TableSchema {
    /// The table's ID in the p4info.
    const ID: u32;
    /// The table's name, without the control's.
    const NAME: &'static str;
    /// The match fields, whose IDs count from 1.
    const FIELDS: &'static [FieldSchema];
    /// The actions an entry can have.
    const ACTIONS: &'static [ActionSchema];
    /// Whether the table has no key, so that its only entry is the default one.
    const KEYLESS: bool = Self::FIELDS.is_empty();
    /// What it matches.
    type Key: Copy + Eq + std::hash::Hash + std::fmt::Debug;
    /// What it does.
    type Action: Copy + Eq + std::fmt::Debug;

    /// The key's match fields.
    fn put_key(key: &Self::Key) -> Vec<FieldMatch>;
    /// Reads the key.
    ///
    /// # Errors
    /// If the match fields are not this table's.
    fn take_key(fields: &[FieldMatch]) -> Result<Self::Key, EntryError>;
    /// The action.
    fn put_action(action: &Self::Action) -> Action;
    /// Reads the action.
    ///
    /// # Errors
    /// If the action is not this table's or its parameters do not fit.
    fn take_action(action: &Action) -> Result<Self::Action, EntryError>;

    /// The entry as P4Runtime writes it.
    fn to_p4(key: &Self::Key, action: Option<&Self::Action>) -> TableEntry {
        TableEntry {
            table_id: Self::ID,
            r#match: Self::put_key(key),
            action: action.map(|a| TableAction { r#type: Some(table_action::Type::Action(Self::put_action(a))) }),
            is_default_action: Self::KEYLESS,
            ..TableEntry::default()
        }
    }

    /// Reads the key of an entry; the table ID has been checked.
    ///
    /// # Errors
    /// If the entry does not fit this table.
    fn key_of(entry: &TableEntry) -> Result<Self::Key, EntryError> {
        let table = Self::NAME;
        if entry.priority != 0 {
            return Err(EntryError::Priority { table, priority: entry.priority });
        }
        if entry.is_default_action != Self::KEYLESS {
            let value = entry.is_default_action;
            let problem =
                if Self::KEYLESS { "this table has only a default entry" } else { "the default action is fixed" };
            return Err(EntryError::Default { table, value, problem });
        }
        Self::take_key(&entry.r#match)
    }

    /// Reads the action of an entry; the table ID has been checked.
    ///
    /// # Errors
    /// If the entry has no action of this table.
    fn action_of(entry: &TableEntry) -> Result<Self::Action, EntryError> {
        match entry.action.as_ref().and_then(|a| a.r#type.as_ref()) {
            Some(table_action::Type::Action(action)) => Self::take_action(action),
            _ => Err(EntryError::UnknownAction { table: Self::NAME, id: 0 }),
        }
    }
}

pub(crate) fn find_field<'a>(
    table: &'static str,
    fields: &'a [FieldMatch],
    id: u32,
) -> Result<Option<&'a FieldMatch>, EntryError> {
    let mut found = fields.iter().filter(|f| f.field_id == id);
    let first = found.next();
    if found.next().is_some() { Err(EntryError::UnexpectedField { table, id }) } else { Ok(first) }
}

pub(crate) fn check_fields(table: &'static str, fields: &[FieldMatch], count: usize) -> Result<(), EntryError> {
    match fields.iter().find(|f| f.field_id == 0 || f.field_id as usize > count) {
        Some(field) => Err(EntryError::UnexpectedField { table, id: field.field_id }),
        None => Ok(()),
    }
}

pub(crate) fn put_param<T: ParamField>(params: &mut Vec<action::Param>, value: &T) {
    let param_id = params.len() as u32 + 1;
    params.push(action::Param { param_id, value: canonical(value.to_bits()) });
}

pub(crate) fn take_param<T: ParamField>(
    table: &'static str,
    action_name: &'static str,
    name: &'static str,
    params: &[action::Param],
    id: u32,
) -> Result<T, EntryError> {
    let mut found = params.iter().filter(|p| p.param_id == id);
    match (found.next(), found.next()) {
        (Some(param), None) => field::decode(table, name, &param.value),
        _ => Err(EntryError::BadParam { table, action: action_name, id }),
    }
}

pub(crate) fn check_params(
    table: &'static str,
    action: &'static str,
    params: &[action::Param],
    count: u32,
) -> Result<(), EntryError> {
    match params.iter().find(|p| p.param_id == 0 || p.param_id > count) {
        Some(param) => Err(EntryError::BadParam { table, action, id: param.param_id }),
        None => Ok(()),
    }
}
