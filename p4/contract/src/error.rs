use crate::MatchType;

/// Why a P4Runtime table entry does not fit the contract. Each message names the field and the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No table has this ID.
    #[error("table_id: {0:#010x} is no table of this pipeline")]
    UnknownTable(u32),
    /// An exact field is not in the match.
    #[error("{table}: match field {field} is missing")]
    MissingField {
        /// The table's name.
        table: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// The table has no field with this ID, or the ID stands twice.
    #[error("{table}: match field_id {id} is unknown or repeated")]
    UnexpectedField {
        /// The table's name.
        table: &'static str,
        /// The field ID.
        id: u32,
    },
    /// The field has another match type.
    #[error("{table}: match field {field} must be {expected}")]
    MatchType {
        /// The table's name.
        table: &'static str,
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: MatchType,
    },
    /// A value does not fit its field.
    #[error("{table}: {field} = 0x{value}: {problem}")]
    BadValue {
        /// The table's name.
        table: &'static str,
        /// The field's or parameter's name.
        field: &'static str,
        /// The bytes in hexadecimal.
        value: String,
        /// What is wrong with them.
        problem: String,
    },
    /// The entry has no action, or one this table does not have.
    #[error("{table}: action_id {id:#010x} is no action of this table")]
    UnknownAction {
        /// The table's name.
        table: &'static str,
        /// The action ID; 0 if the entry has none.
        id: u32,
    },
    /// A parameter is missing, unknown or repeated.
    #[error("{table}: action {action}: param_id {id} is missing, unknown or repeated")]
    BadParam {
        /// The table's name.
        table: &'static str,
        /// The action's name.
        action: &'static str,
        /// The parameter ID.
        id: u32,
    },
    /// An exact or LPM entry carries a priority.
    #[error("{table}: priority = {priority}: exact and LPM entries have none")]
    Priority {
        /// The table's name.
        table: &'static str,
        /// The priority.
        priority: i32,
    },
    /// Default entries can be set only in tables without a key, and must be there.
    #[error("{table}: is_default_action = {value}: {problem}")]
    Default {
        /// The table's name.
        table: &'static str,
        /// The flag's value.
        value: bool,
        /// What is wrong with it.
        problem: &'static str,
    },
}
