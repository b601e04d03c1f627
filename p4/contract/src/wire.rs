//! Updates and entries straight to and from the bytes of P4Runtime's messages, without the messages between: a busy
//! switch takes hundreds of thousands a second, and a message of one entry is a dozen allocations.
//!
//! What is written is what `prost` makes of [`Entry::to_p4`]. What is read is just that: whatever a peer may write
//! otherwise — fields in another order, unknown ones, wrong values — is `None`, and the caller reads the message itself,
//! whose checks say what is wrong.

mod put;
mod take;

use p4runtime::v1::update;

pub use self::{
    put::put_entity,
    take::{Field, Fields, take_entity},
};
pub(crate) use self::{
    put::{PutField, action_id, nested, param},
    take::{Bytes, TakeField},
};
use crate::{Entry, EntryKey};

/// A change of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// A new entry.
    Insert(Entry),
    /// Another action for an entry.
    Modify(Entry),
    /// An entry goes.
    Delete(EntryKey),
}

impl Update {
    fn kind(&self) -> update::Type {
        match self {
            Self::Insert(_) => update::Type::Insert,
            Self::Modify(_) => update::Type::Modify,
            Self::Delete(_) => update::Type::Delete,
        }
    }

    /// The entry it is about.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Insert(entry) | Self::Modify(entry) => entry.key(),
            Self::Delete(key) => *key,
        }
    }
}

/// How a table's keys and actions are written and read.
pub(crate) trait WireTable: crate::TableSchema {
    /// Writes the key's match fields.
    fn put_wire_key(key: &Self::Key, out: &mut Vec<u8>);
    /// Reads them.
    fn take_wire_key(bytes: &mut Bytes<'_>) -> Option<Self::Key>;
    /// Writes the `Action`.
    fn put_wire_action(action: &Self::Action, out: &mut Vec<u8>);
    /// Reads it.
    fn take_wire_action(bytes: &mut Bytes<'_>) -> Option<Self::Action>;

    /// Writes the `TableEntry`.
    fn put_wire(key: &Self::Key, action: Option<&Self::Action>, out: &mut Vec<u8>) {
        out.push(tag::TABLE_ID);
        put::varint(Self::ID, out);
        Self::put_wire_key(key, out);
        if let Some(action) = action {
            nested(tag::TABLE_ACTION, out, |out| nested(tag::ACTION, out, |out| Self::put_wire_action(action, out)));
        }
        if Self::KEYLESS {
            out.extend([tag::IS_DEFAULT_ACTION, 1]);
        }
    }
}

/// The first byte of each field: its number and its kind.
pub(crate) mod tag {
    /// `WriteRequest.updates`.
    pub(crate) const UPDATES: u8 = 4 << 3 | LEN;
    /// `ReadResponse.entities`.
    pub(crate) const ENTITIES: u8 = 1 << 3 | LEN;
    /// `Update.type`.
    pub(crate) const TYPE: u8 = 1 << 3;
    /// `Update.entity`.
    pub(crate) const ENTITY: u8 = 2 << 3 | LEN;
    /// `Entity.table_entry`.
    pub(crate) const TABLE_ENTRY: u8 = 2 << 3 | LEN;
    /// `TableEntry.table_id`.
    pub(crate) const TABLE_ID: u8 = 1 << 3;
    /// `TableEntry.match`.
    pub(crate) const MATCH: u8 = 2 << 3 | LEN;
    /// `TableEntry.action`.
    pub(crate) const TABLE_ACTION: u8 = 3 << 3 | LEN;
    /// `TableEntry.is_default_action`.
    pub(crate) const IS_DEFAULT_ACTION: u8 = 8 << 3;
    /// `FieldMatch.field_id`.
    pub(crate) const FIELD_ID: u8 = 1 << 3;
    /// `FieldMatch.exact`.
    pub(crate) const EXACT: u8 = 2 << 3 | LEN;
    /// `FieldMatch.lpm`.
    pub(crate) const LPM: u8 = 4 << 3 | LEN;
    /// `FieldMatch.Exact.value`, `FieldMatch.LPM.value`.
    pub(crate) const VALUE: u8 = 1 << 3 | LEN;
    /// `FieldMatch.LPM.prefix_len`.
    pub(crate) const PREFIX_LEN: u8 = 2 << 3;
    /// `TableAction.action`.
    pub(crate) const ACTION: u8 = 1 << 3 | LEN;
    /// `Action.action_id`.
    pub(crate) const ACTION_ID: u8 = 1 << 3;
    /// `Action.params`.
    pub(crate) const PARAMS: u8 = 4 << 3 | LEN;
    /// `Action.Param.param_id`.
    pub(crate) const PARAM_ID: u8 = 2 << 3;
    /// `Action.Param.value`.
    pub(crate) const PARAM_VALUE: u8 = 3 << 3 | LEN;

    /// Length and bytes follow; otherwise a number.
    const LEN: u8 = 2;
}
