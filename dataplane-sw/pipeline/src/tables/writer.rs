use std::fmt;

use mimiq_contract::{Entry, EntryKey, TableSchema, tables::SwitchInfo};

use super::{TableError, TableSizes, Tables, double::Double, limits::name};
use crate::counters::{Counters, EntryCounters};

/// The tables' only writer. Writes become visible to readers together, when they are published; the writer itself sees
/// them at once. Each costs the same whatever the table's size, apart from the amortised growth of hash tables.
pub struct TableWriter {
    double: Double<Tables>,
    sizes: TableSizes,
    /// What the idle copy has and the active one has not yet.
    log: Vec<Write>,
}

#[derive(Clone, Copy)]
enum Write {
    Put(Entry),
    Remove(EntryKey),
    Clear,
}

impl Write {
    fn apply(self, tables: &mut Tables) {
        match self {
            Self::Put(entry) => tables.put(entry),
            Self::Remove(key) => {
                tables.remove(&key);
            }
            Self::Clear => tables.clear(),
        }
    }
}

impl TableWriter {
    pub(super) fn new(double: Double<Tables>, sizes: TableSizes) -> Self {
        Self { double, sizes, log: Vec::new() }
    }

    /// Adds an entry with counters at zero.
    ///
    /// # Errors
    /// [`TableError::AlreadyExists`], [`TableError::Full`], or [`TableError::Keyless`] for `switch_info`.
    pub fn insert(&mut self, entry: Entry) -> Result<(), TableError> {
        let key = entry.key();
        let (id, table) = (key.table_id(), name(key.table_id()));
        if id == SwitchInfo::ID {
            return Err(TableError::Keyless { table });
        }
        let mut idle = self.double.idle_mut();
        if idle.get(&key).is_some() {
            return Err(TableError::AlreadyExists { table });
        }
        let size = self.sizes.get(id);
        if idle.len(id) >= size {
            return Err(TableError::Full { table, size });
        }
        idle.put(entry);
        self.log.push(Write::Put(entry));
        Ok(())
    }

    /// Changes an entry's action and keeps its counters. That of `switch_info` can always be set, as a default action.
    ///
    /// # Errors
    /// [`TableError::NotFound`].
    pub fn modify(&mut self, entry: Entry) -> Result<(), TableError> {
        let key = entry.key();
        let mut idle = self.double.idle_mut();
        if key.table_id() != SwitchInfo::ID && idle.get(&key).is_none() {
            return Err(TableError::NotFound { table: name(key.table_id()) });
        }
        idle.put(entry);
        self.log.push(Write::Put(entry));
        Ok(())
    }

    /// Removes an entry and its counters. `switch_info` is as before it was first modified.
    ///
    /// # Errors
    /// [`TableError::NotFound`].
    pub fn delete(&mut self, key: EntryKey) -> Result<(), TableError> {
        if !self.double.idle_mut().remove(&key) {
            return Err(TableError::NotFound { table: name(key.table_id()) });
        }
        self.log.push(Write::Remove(key));
        Ok(())
    }

    /// Removes all entries of all tables.
    pub fn clear(&mut self) {
        self.double.idle_mut().clear();
        // What was written before needs no second application.
        self.log.clear();
        self.log.push(Write::Clear);
    }

    /// Makes all writes since the last publication visible to readers at once. When it returns, no reader uses the former
    /// entries any more: it waits for batches that were begun before. A thread that holds a
    /// [`ReadGuard`](super::ReadGuard) must not call it.
    pub fn publish(&mut self) {
        if self.log.is_empty() {
            return;
        }
        self.double.swap();
        let mut idle = self.double.idle_mut();
        self.log.drain(..).for_each(|write| write.apply(&mut idle));
    }

    /// The entry and its counters, where its table has some. Of an entry deleted and inserted again since the last publication, the counters are
    /// still the former one's, which packets still hit.
    pub fn get(&self, key: &EntryKey) -> Option<(Entry, Option<EntryCounters>)> {
        let (idle, active) = (self.double.idle(), self.double.active());
        let (entry, counters) = idle.get(key)?;
        Some((entry, counters.map(|counters| sum(counters, &active, key))))
    }

    /// Calls `f` with each entry of a table, in no particular order.
    pub fn for_each(&self, table_id: u32, f: &mut dyn FnMut(Entry, Option<EntryCounters>)) {
        let (idle, active) = (self.double.idle(), self.double.active());
        idle.for_each(table_id, &mut |entry, counters| {
            f(entry, counters.map(|counters| sum(counters, &active, &entry.key())));
        });
    }

    /// Number of entries in a table; 0 if there is no such table.
    pub fn len(&self, table_id: u32) -> usize {
        self.double.idle().len(table_id)
    }

    /// Sets an entry's counters, at once. Packets that hit it meanwhile are counted or not.
    ///
    /// # Errors
    /// [`TableError::NotFound`], or [`TableError::NoCounters`] for `switch_info`.
    pub fn set_counters(&mut self, key: &EntryKey, value: EntryCounters) -> Result<(), TableError> {
        let (idle, active) = (self.double.idle(), self.double.active());
        let table = name(key.table_id());
        let (_, counters) = idle.get(key).ok_or(TableError::NotFound { table })?;
        let counters = counters.ok_or(TableError::NoCounters { table })?;
        if let Some((_, Some(counters))) = active.get(key) {
            counters.set(EntryCounters::default());
        }
        counters.set(value);
        Ok(())
    }
}

/// An entry counts in whichever copy is active, so its counters are the sum of both.
fn sum(idle: &Counters, active: &Tables, key: &EntryKey) -> EntryCounters {
    let (idle, active) =
        (idle.get(), active.get(key).and_then(|(_, counters)| counters).map(Counters::get).unwrap_or_default());
    EntryCounters { packets: idle.packets.wrapping_add(active.packets), bytes: idle.bytes.wrapping_add(active.bytes) }
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter").field("unpublished", &self.log.len()).finish_non_exhaustive()
    }
}
