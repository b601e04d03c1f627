//! The names of tables, fields, actions and parameters, from the contract's p4info.

use std::sync::LazyLock;

use mimiq_contract::P4INFO_TEXT;
use p4runtime::config::v1::{Action, P4Info, Preamble, Table, match_field, match_field::MatchType};

/// The contract.
pub static P4INFO: LazyLock<P4Info> = LazyLock::new(|| {
    // It is part of this program, and tests of the contract's crate read it.
    #[allow(clippy::expect_used)]
    p4runtime::p4info_from_text(P4INFO_TEXT).expect("the contract's p4info")
});

/// The name without the control's.
pub fn alias(preamble: &Option<Preamble>) -> &str {
    preamble.as_ref().map(|p| p.alias.as_str()).unwrap_or_default()
}

/// The ID.
pub fn id(preamble: &Option<Preamble>) -> u32 {
    preamble.as_ref().map(|p| p.id).unwrap_or_default()
}

/// A table by name.
pub fn table(name: &str) -> Option<&'static Table> {
    P4INFO.tables.iter().find(|table| alias(&table.preamble) == name)
}

/// A table by ID.
pub fn table_by_id(table: u32) -> Option<&'static Table> {
    P4INFO.tables.iter().find(|t| id(&t.preamble) == table)
}

/// The actions that an entry of a table can have.
pub fn actions(table: &'static Table) -> impl Iterator<Item = &'static Action> {
    use p4runtime::config::v1::action_ref::Scope;
    let refs = table.action_refs.iter().filter(|r| r.scope() != Scope::DefaultOnly || table.match_fields.is_empty());
    refs.filter_map(|r| action(r.id)).filter(|a| alias(&a.preamble) != "NoAction")
}

/// An action by ID.
pub fn action(action: u32) -> Option<&'static Action> {
    P4INFO.actions.iter().find(|a| id(&a.preamble) == action)
}

/// Whether a field is matched by its longest prefix.
pub(crate) fn is_lpm(field: &p4runtime::config::v1::MatchField) -> bool {
    field.r#match == Some(match_field::Match::MatchType(MatchType::Lpm as i32))
}
