use std::{fmt, sync::RwLockWriteGuard};

use mimiq_contract::{Entry, EntryKey};

use super::{Limits, TableError, TableSizes, Tables, double::Double, limits::name};
use crate::counters::{Counters, EntryCounters};

/// The tables' only writer. Writes become visible to readers together, when they are published; the writer itself sees
/// them at once. Each costs the same whatever the table's size, apart from the amortised growth of hash tables.
pub struct TableWriter {
    double: Double<Tables>,
    limits: Limits,
    /// What the idle copy has and the active one has not yet.
    log: Vec<Write>,
}

#[derive(Clone, Copy)]
enum Write {
    Insert(Entry),
    Modify(Entry),
    Remove(EntryKey),
    Clear,
}

impl Write {
    /// The copy is as the other one was when it took this, so that nothing can fail.
    #[inline]
    fn repeat(&self, tables: &mut Tables) {
        match self {
            Self::Insert(entry) => tables.insert_again(entry),
            Self::Modify(entry) => drop(tables.modify(entry)),
            Self::Remove(key) => drop(tables.remove(key)),
            Self::Clear => tables.clear(),
        }
    }
}

/// Writes in a row, for which the tables are locked once. They are still to be published.
pub struct Edit<'a> {
    idle: RwLockWriteGuard<'a, Tables>,
    double: &'a Double<Tables>,
    limits: &'a Limits,
    log: &'a mut Vec<Write>,
}

impl Edit<'_> {
    /// Adds an entry with counters at zero.
    ///
    /// # Errors
    /// [`TableError::AlreadyExists`], [`TableError::Full`], or [`TableError::Keyless`] for `switch_info`.
    #[inline]
    pub fn insert(&mut self, entry: &Entry) -> Result<(), TableError> {
        self.idle.insert(entry, self.limits)?;
        self.log.push(Write::Insert(*entry));
        Ok(())
    }

    /// Changes an entry's action and keeps its counters. That of `switch_info` can always be set, as a default action.
    ///
    /// # Errors
    /// [`TableError::NotFound`].
    #[inline]
    pub fn modify(&mut self, entry: &Entry) -> Result<(), TableError> {
        if !self.idle.modify(entry) {
            return Err(TableError::NotFound { table: name(entry.key().table_id()) });
        }
        self.log.push(Write::Modify(*entry));
        Ok(())
    }

    /// Removes an entry and its counters. `switch_info` is as before it was first modified.
    ///
    /// # Errors
    /// [`TableError::NotFound`].
    #[inline]
    pub fn delete(&mut self, key: &EntryKey) -> Result<(), TableError> {
        if !self.idle.remove(key) {
            return Err(TableError::NotFound { table: name(key.table_id()) });
        }
        self.log.push(Write::Remove(*key));
        Ok(())
    }

    /// Looks for an entry.
    ///
    /// # Errors
    /// [`TableError::NotFound`].
    pub fn find(&self, key: &EntryKey) -> Result<(), TableError> {
        match self.idle.get(key) {
            Some(_) => Ok(()),
            None => Err(TableError::NotFound { table: name(key.table_id()) }),
        }
    }

    /// Sets an entry's counters, at once. Packets that hit it meanwhile are counted or not.
    ///
    /// # Errors
    /// [`TableError::NotFound`], or [`TableError::NoCounters`] for `switch_info`.
    pub fn set_counters(&mut self, key: &EntryKey, value: EntryCounters) -> Result<(), TableError> {
        let table = name(key.table_id());
        let (_, counters) = self.idle.get(key).ok_or(TableError::NotFound { table })?;
        let counters = counters.ok_or(TableError::NoCounters { table })?;
        if let Some((_, Some(counters))) = self.double.active().get(key) {
            counters.set(EntryCounters::default());
        }
        counters.set(value);
        Ok(())
    }
}

impl TableWriter {
    pub(super) fn new(double: Double<Tables>, sizes: &TableSizes) -> Self {
        Self { double, limits: Limits::new(sizes), log: Vec::new() }
    }

    /// Locks the tables for a row of writes. Waits for the readers of what was active before the last publication.
    pub fn edit(&mut self) -> Edit<'_> {
        let Self { double, limits, log } = self;
        Edit { idle: double.idle_mut(), double, limits, log }
    }

    /// A single [`Edit::insert`].
    ///
    /// # Errors
    /// As there.
    pub fn insert(&mut self, entry: Entry) -> Result<(), TableError> {
        self.edit().insert(&entry)
    }

    /// A single [`Edit::modify`].
    ///
    /// # Errors
    /// As there.
    pub fn modify(&mut self, entry: Entry) -> Result<(), TableError> {
        self.edit().modify(&entry)
    }

    /// A single [`Edit::delete`].
    ///
    /// # Errors
    /// As there.
    pub fn delete(&mut self, key: EntryKey) -> Result<(), TableError> {
        self.edit().delete(&key)
    }

    /// A single [`Edit::set_counters`].
    ///
    /// # Errors
    /// As there.
    pub fn set_counters(&mut self, key: &EntryKey, value: EntryCounters) -> Result<(), TableError> {
        self.edit().set_counters(key, value)
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
        self.log.iter().for_each(|write| write.repeat(&mut idle));
        self.log.clear();
    }

    /// The entry and its counters, where its table has some. Of an entry deleted and inserted again since the last publication, the counters are
    /// still the former one's, which packets still hit.
    pub fn get(&self, key: &EntryKey) -> Option<(Entry, Option<EntryCounters>)> {
        let (idle, active) = (self.double.idle(), self.double.active());
        let (entry, counters) = idle.get(key)?;
        Some((entry, counters.map(|counters| sum(counters, &active, key))))
    }

    /// Calls `f` with each entry of a table, in no particular order, and with its counters where they are asked for.
    pub fn for_each(&self, table_id: u32, counters: bool, f: &mut dyn FnMut(Entry, Option<EntryCounters>)) {
        if !counters {
            return self.double.idle().for_each(table_id, &mut |entry, _| f(entry, None));
        }
        let (idle, active) = (self.double.idle(), self.double.active());
        idle.for_each(table_id, &mut |entry, counters| {
            f(entry, counters.map(|counters| sum(counters, &active, &entry.key())));
        });
    }

    /// Number of entries in a table; 0 if there is no such table.
    pub fn len(&self, table_id: u32) -> usize {
        self.double.idle().len(table_id)
    }
}

/// An entry counts in whichever copy is active, so its counters are the sum of both.
fn sum(idle: &Counters, active: &Tables, key: &EntryKey) -> EntryCounters {
    let (idle, active) =
        (idle.get(), active.get(key).and_then(|(_, counters)| counters).map(Counters::get).unwrap_or_default());
    EntryCounters { packets: idle.packets.wrapping_add(active.packets), bytes: idle.bytes.wrapping_add(active.bytes) }
}

impl fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("unpublished", &self.log.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter").field("unpublished", &self.log.len()).finish_non_exhaustive()
    }
}
