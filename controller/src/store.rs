//! What must survive a restart: the election ID, so that the switches prefer a new controller to the one before it, the
//! SID aliases that may still be in addresses, so that none gets a second meaning, the SIDs that may have leases, those whose
//! switches are not to be believed, and the switches that are drained.
//!
//! Leases are not stored: they are read back from the switches.

use std::{path::Path, time::SystemTime};

use mimiq_core::{Phase, Stored, StoredAlias};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::p4rt::ElectionId;

const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Prefix ‖ alias, to SID and whether new addresses may have it.
const ALIASES: TableDefinition<'_, u128, (u16, bool)> = TableDefinition::new("aliases_by_prefix");
const SIDS: TableDefinition<'_, u16, ()> = TableDefinition::new("sids");
const STALE: TableDefinition<'_, u16, ()> = TableDefinition::new("stale");
const EDGES: TableDefinition<'_, &str, ()> = TableDefinition::new("edges");
const DRAINED: TableDefinition<'_, &str, ()> = TableDefinition::new("drained");
const ELECTION_ID: &str = "election_id";
const EMPTIED: &str = "emptied";

/// The state file.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the file, or makes it. Only one process can have it open.
    ///
    /// # Errors
    /// If it is not accessible, in use, or no state file.
    pub fn open(path: &Path) -> Result<Self, redb::Error> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(NUMBERS)?;
        transaction.open_table(ALIASES)?;
        transaction.open_table(SIDS)?;
        transaction.open_table(STALE)?;
        transaction.open_table(EDGES)?;
        transaction.open_table(DRAINED)?;
        transaction.commit()?;
        Ok(Self { database })
    }

    /// An election ID higher than all before. At least the seconds since 1970, so that it is higher even if the file was
    /// lost: switches remember the highest one they saw.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn next_election_id(&self) -> Result<ElectionId, redb::Error> {
        let transaction = self.database.begin_write()?;
        let id = {
            let mut numbers = transaction.open_table(NUMBERS)?;
            let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let id = numbers.get(ELECTION_ID)?.map_or(0, |id| id.value().saturating_add(1)).max(clock);
            numbers.insert(ELECTION_ID, id)?;
            id
        };
        transaction.commit()?;
        Ok(ElectionId(id))
    }

    /// What was stored last.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn get(&self) -> Result<Stored, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut stored = Stored::default();
        for row in transaction.open_table(ALIASES)?.iter()? {
            let (prefix, value) = row?;
            let (sid, usable) = value.value();
            let phase = if usable { Phase::Usable } else { Phase::Old };
            stored.aliases.push(StoredAlias { prefix: prefix.value().into(), sid, phase });
        }
        stored.emptied = transaction.open_table(NUMBERS)?.get(EMPTIED)?.is_some_and(|flag| flag.value() != 0);
        for (table, sids) in [(SIDS, &mut stored.sids), (STALE, &mut stored.stale)] {
            for row in transaction.open_table(table)?.iter()? {
                sids.insert(row?.0.value());
            }
        }
        for (table, names) in [(EDGES, &mut stored.edges), (DRAINED, &mut stored.drained)] {
            for row in transaction.open_table(table)?.iter()? {
                names.insert(row?.0.value().to_owned());
            }
        }
        Ok(stored)
    }

    /// Replaces it, all or nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&self, stored: &Stored) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            transaction.open_table(NUMBERS)?.insert(EMPTIED, u64::from(stored.emptied))?;
            let mut table = transaction.open_table(ALIASES)?;
            table.retain(|_, _| false)?;
            for StoredAlias { prefix, sid, phase } in &stored.aliases {
                table.insert(prefix.to_bits(), (*sid, *phase == Phase::Usable))?;
            }
            for (table, sids) in [(SIDS, &stored.sids), (STALE, &stored.stale)] {
                let mut table = transaction.open_table(table)?;
                table.retain(|_, ()| false)?;
                for sid in sids {
                    table.insert(sid, ())?;
                }
            }
            for (table, names) in [(EDGES, &stored.edges), (DRAINED, &stored.drained)] {
                let mut table = transaction.open_table(table)?;
                table.retain(|_, ()| false)?;
                for name in names {
                    table.insert(&**name, ())?;
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.redb");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.get().unwrap(), Stored::default());
        let first = store.next_election_id().unwrap();
        let alias = |n: u128, sid, phase| StoredAlias { prefix: (n << 64).into(), sid, phase };
        let mut stored = Stored {
            sids: [1, 2].into(),
            aliases: vec![alias(5, 2, Phase::Old), alias(7, 1, Phase::Usable)],
            emptied: true,
            stale: [3].into(),
            edges: ["edge1".to_owned()].into(),
            drained: ["access2".to_owned()].into(),
        };
        store.set(&stored).unwrap();
        assert_eq!(store.get().unwrap(), stored);
        stored.aliases.remove(0);
        stored.drained.clear();
        store.set(&stored).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert!(store.next_election_id().unwrap() > first);
        assert_eq!(store.get().unwrap(), stored);
    }
}
