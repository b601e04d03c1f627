//! Entries made from the schemas alone.

use mimiq_contract::{ActionSchema, FieldSchema, MatchType};
use p4runtime::v1::{
    Action, ActionProfileActionSet, FieldMatch, TableAction, TableEntry,
    action::Param,
    field_match::{Exact, FieldMatchType, Lpm, Optional, Range, Ternary},
    table_action,
};
use proptest::{collection::vec, prelude::*};

use crate::common::{TABLES, Table};

/// An entry that fits the contract, canonically encoded.
#[derive(Debug, Clone)]
pub(crate) struct Valid {
    pub(crate) table: Table,
    pub(crate) action: ActionSchema,
    pub(crate) entry: TableEntry,
}

/// The shortest byte string, reckoned otherwise than the crate does.
fn shortest(bits: u128) -> Vec<u8> {
    let mut bytes = bits.to_be_bytes().to_vec();
    while bytes.len() > 1 && bytes[0] == 0 {
        bytes.remove(0);
    }
    bytes
}

/// A number of this width; small ones are as frequent as large ones. The two bits of a role are never 0.
fn number(bits: u32) -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..bits).prop_map(move |(number, shift)| match bits {
        2 => 1 + number % 3,
        bits => (number >> (128 - bits)) >> shift,
    })
}

fn field(id: u32, schema: FieldSchema) -> impl Strategy<Value = Option<FieldMatch>> {
    let bits = schema.bits;
    (number(bits), any::<u128>(), 0..=bits).prop_map(move |(exact, addr, len)| {
        let field_match_type = match schema.match_type {
            MatchType::Exact => FieldMatchType::Exact(Exact { value: shortest(exact) }),
            MatchType::Lpm if len == 0 => return None,
            MatchType::Lpm => {
                let kept = (addr >> (128 - len)) << (bits - len);
                FieldMatchType::Lpm(Lpm { value: shortest(kept), prefix_len: len as i32 })
            }
        };
        Some(FieldMatch { field_id: id, field_match_type: Some(field_match_type) })
    })
}

/// Any entry of any table.
pub(crate) fn valid() -> impl Strategy<Value = Valid> {
    let which = (0..TABLES.len(), any::<prop::sample::Index>());
    which.prop_flat_map(|(table, action)| {
        let table = TABLES[table];
        let action = table.actions[action.index(table.actions.len())];
        let fields: Vec<_> = (1..).zip(table.fields).map(|(id, schema)| field(id, *schema)).collect();
        let params: Vec<_> = action.params.iter().map(|(_, bits)| number(*bits)).collect();
        (fields, params).prop_map(move |(fields, params)| {
            let param = |(param_id, value)| Param { param_id, value: shortest(value) };
            let params = (1..).zip(params).map(param).collect();
            let entry = TableEntry {
                table_id: table.id,
                r#match: fields.into_iter().flatten().collect(),
                action: Some(to_action(Action { action_id: action.id, params })),
                is_default_action: table.keyless,
                ..TableEntry::default()
            };
            Valid { table, action, entry }
        })
    })
}

fn to_action(action: Action) -> TableAction {
    TableAction { r#type: Some(table_action::Type::Action(action)) }
}

fn some_match() -> impl Strategy<Value = Option<FieldMatchType>> {
    let (value, mask) = (vec(any::<u8>(), 0..18), vec(any::<u8>(), 0..18));
    (0..8, value, mask, prop_oneof![0..130, any::<i32>()]).prop_map(|(kind, value, mask, prefix_len)| match kind {
        0..3 => Some(FieldMatchType::Exact(Exact { value })),
        3 | 4 => Some(FieldMatchType::Lpm(Lpm { value, prefix_len })),
        5 => Some(FieldMatchType::Ternary(Ternary { value, mask })),
        6 if prefix_len % 2 == 0 => Some(FieldMatchType::Range(Range { low: value, high: mask })),
        6 => Some(FieldMatchType::Optional(Optional { value })),
        _ => None,
    })
}

fn some_action() -> impl Strategy<Value = Option<TableAction>> {
    let ids = TABLES.iter().flat_map(|t| t.actions).map(|a| a.id).collect::<Vec<_>>();
    let id = prop_oneof![prop::sample::select(ids), any::<u32>()];
    let param = (0..6u32, vec(any::<u8>(), 0..18)).prop_map(|(param_id, value)| Param { param_id, value });
    (0..8, id, vec(param, 0..6)).prop_map(|(kind, action_id, params)| match kind {
        0 => None,
        1 => Some(TableAction { r#type: None }),
        2 => Some(TableAction { r#type: Some(table_action::Type::ActionProfileMemberId(action_id)) }),
        3 => Some(TableAction {
            r#type: Some(table_action::Type::ActionProfileActionSet(ActionProfileActionSet::default())),
        }),
        _ => Some(to_action(Action { action_id, params })),
    })
}

/// Anything that P4Runtime can say of a table entry.
pub(crate) fn arbitrary() -> impl Strategy<Value = TableEntry> {
    let ids = TABLES.iter().map(|t| t.id).collect::<Vec<_>>();
    let table_id = prop_oneof![9 => prop::sample::select(ids), 1 => any::<u32>()];
    let fields =
        (0..5u32, some_match()).prop_map(|(field_id, field_match_type)| FieldMatch { field_id, field_match_type });
    let flags = (prop_oneof![9 => Just(0), 1 => any::<i32>()], any::<bool>());
    (table_id, vec(fields, 0..5), some_action(), flags).prop_map(
        |(table_id, r#match, action, (priority, is_default_action))| TableEntry {
            table_id,
            r#match,
            action,
            priority,
            is_default_action,
            ..TableEntry::default()
        },
    )
}
