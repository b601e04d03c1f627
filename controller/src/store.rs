//! What must survive a restart: the election ID, so that the switches prefer a new controller to the one before it, and
//! the SID aliases that may still be in addresses, so that none gets a second meaning.
//!
//! Leases are not stored: they are read back from the switches.

use std::{path::Path, time::SystemTime};

use mimiq_addressing::{Alias, Sid};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::p4rt::ElectionId;

const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const ALIASES: TableDefinition<'_, u32, u16> = TableDefinition::new("aliases");
const ELECTION_ID: &str = "election_id";

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

    /// The aliases that may be in addresses.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn aliases(&self) -> Result<Vec<(Sid, Alias)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(ALIASES)?;
        let aliases = table.iter()?.map(|row| row.map(|(alias, sid)| (Sid(sid.value()), Alias(alias.value()))));
        Ok(aliases.collect::<Result<_, _>>()?)
    }

    /// Replaces them, before any address has a new one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_aliases(&self, aliases: &[(Sid, Alias)]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ALIASES)?;
            table.retain(|_, _| false)?;
            for (sid, alias) in aliases {
                table.insert(alias.0, sid.0)?;
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
        let first = store.next_election_id().unwrap();
        store.set_aliases(&[(Sid(1), Alias(7)), (Sid(2), Alias(5))]).unwrap();
        store.set_aliases(&[(Sid(1), Alias(7))]).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert!(store.next_election_id().unwrap() > first);
        assert_eq!(store.aliases().unwrap(), vec![(Sid(1), Alias(7))]);
    }
}
