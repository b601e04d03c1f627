use p4runtime::v1::TableEntry;

use crate::{
    EntryError, TableSchema,
    tables::*,
    wire::{Bytes, WireTable},
};

macro_rules! entries {
    ($($table:ident),+ $(,)?) => {
        /// An entry of any table, typed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Entry {
            $(#[allow(missing_docs)] $table(<$table as TableSchema>::Key, <$table as TableSchema>::Action)),+
        }

        /// The key of an entry of any table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EntryKey {
            $(#[allow(missing_docs)] $table(<$table as TableSchema>::Key)),+
        }

        impl Entry {
            /// IDs and names of all tables, in the order of their IDs.
            pub const TABLES: &'static [(u32, &'static str)] = &[$((<$table as TableSchema>::ID, <$table as TableSchema>::NAME)),+];

            /// Reads an entry that P4Runtime wrote.
            ///
            /// # Errors
            /// If it does not fit the contract; the message names the table, the field and the value.
            pub fn from_p4(entry: &TableEntry) -> Result<Self, EntryError> {
                match entry.table_id {
                    $(<$table as TableSchema>::ID => Ok(Self::$table($table::key_of(entry)?, $table::action_of(entry)?)),)+
                    id => Err(EntryError::UnknownTable(id)),
                }
            }

            /// The entry as P4Runtime writes it.
            pub fn to_p4(&self) -> TableEntry {
                match self { $(Self::$table(key, action) => $table::to_p4(key, Some(action)),)+ }
            }

            pub(crate) fn put_wire(&self, out: &mut Vec<u8>) {
                match self { $(Self::$table(key, action) => $table::put_wire(key, Some(action), out),)+ }
            }

            /// Reads a `TableEntry`. Those of tables without key are left to the general path: it knows what may be
            /// done to default entries.
            pub(crate) fn take_wire(mut bytes: Bytes<'_>) -> Option<Self> {
                match bytes.table_id()? {
                    $(<$table as TableSchema>::ID if !$table::KEYLESS => {
                        let key = $table::take_wire_key(&mut bytes)?;
                        let mut bytes = bytes.action()?;
                        let action = $table::take_wire_action(&mut bytes)?;
                        bytes.end()?;
                        Some(Self::$table(key, action))
                    })+
                    _ => None,
                }
            }

            /// Its key.
            pub fn key(&self) -> EntryKey {
                match self { $(Self::$table(key, _) => EntryKey::$table(*key),)+ }
            }
        }

        impl EntryKey {
            /// Reads the key of an entry that P4Runtime wrote; its action is not looked at.
            ///
            /// # Errors
            /// As [`Entry::from_p4`].
            pub fn from_p4(entry: &TableEntry) -> Result<Self, EntryError> {
                match entry.table_id {
                    $(<$table as TableSchema>::ID => Ok(Self::$table($table::key_of(entry)?)),)+
                    id => Err(EntryError::UnknownTable(id)),
                }
            }

            /// The entry that deletes this key.
            pub fn to_p4(&self) -> TableEntry {
                match self { $(Self::$table(key) => $table::to_p4(key, None),)+ }
            }

            pub(crate) fn put_wire(&self, out: &mut Vec<u8>) {
                match self { $(Self::$table(key) => $table::put_wire(key, None, out),)+ }
            }

            /// As [`Entry::take_wire`], of an entry without action.
            pub(crate) fn take_wire(mut bytes: Bytes<'_>) -> Option<Self> {
                match bytes.table_id()? {
                    $(<$table as TableSchema>::ID if !$table::KEYLESS => {
                        let key = $table::take_wire_key(&mut bytes)?;
                        bytes.end()?;
                        Some(Self::$table(key))
                    })+
                    _ => None,
                }
            }

            /// The table's ID.
            pub fn table_id(&self) -> u32 {
                match self { $(Self::$table(_) => <$table as TableSchema>::ID,)+ }
            }
        }
    };
}

entries! {
    PortRole, SourceGuardV6, SourceGuardV4, ClientV6, ClientV4, PoolV6, PoolV4, Alias, BindingV6, BindingV4,
    DeniedSourceV6, DeniedSourceV4, Decap, ControlRelay, RelayReturn, GatewayV6, GatewayV4, RouteV6, RouteV4, SwitchInfo,
    EgressRole,
}
