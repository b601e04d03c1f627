use std::collections::HashMap;

use mimiq_contract::Entry;

/// How many entries each table may hold, from the p4info.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSizes(HashMap<u32, usize>);

impl TableSizes {
    /// Every table holds up to `size` entries.
    pub fn uniform(size: usize) -> Self {
        Entry::TABLES.iter().map(|(id, _)| (*id, size)).collect()
    }

    /// The size of a table; 0 if it was not given.
    pub fn get(&self, table_id: u32) -> usize {
        self.0.get(&table_id).copied().unwrap_or(0)
    }
}

impl FromIterator<(u32, usize)> for TableSizes {
    /// From pairs of table ID and size.
    fn from_iter<I: IntoIterator<Item = (u32, usize)>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}

/// Why a write was refused. The tables are as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Insertion of a key that is in the table.
    #[error("{table}: the entry exists already")]
    AlreadyExists {
        /// The table's name.
        table: &'static str,
    },
    /// Modification or deletion of a key that is not in the table.
    #[error("{table}: there is no such entry")]
    NotFound {
        /// The table's name.
        table: &'static str,
    },
    /// The table holds as many entries as its size allows.
    #[error("{table}: full, its size is {size}")]
    Full {
        /// The table's name.
        table: &'static str,
        /// Its size in entries.
        size: usize,
    },
    /// Insertion into a table without key: its only entry is the default one, which is modified.
    #[error("{table}: has only a default entry, which can be modified but not inserted")]
    Keyless {
        /// The table's name.
        table: &'static str,
    },
    /// Setting the counters of an entry whose table has none.
    #[error("{table}: has no direct counter")]
    NoCounters {
        /// The table's name.
        table: &'static str,
    },
}

/// A table's name for messages.
pub(super) fn name(table_id: u32) -> &'static str {
    Entry::TABLES.iter().find(|(id, _)| *id == table_id).map_or("unknown table", |(_, name)| name)
}
