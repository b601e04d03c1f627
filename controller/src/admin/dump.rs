use std::{collections::BTreeMap, sync::Arc};

use mimiq_api::admin::{DumpTableRequest, DumpTableResponse, TableRow, table_row::State};
use mimiq_contract::{Entry, EntryKey};
use mimiq_core::SwitchId;
use tonic::Status;

use super::{Admin, page::unknown};
use crate::p4rt::Reader;

/// Rows of a message.
const ROWS: usize = 500;

/// What is wanted and what is there, by key.
type Compared = BTreeMap<EntryKey, (Option<Entry>, Option<Entry>)>;

impl Admin {
    pub(super) async fn dump(&self, request: &DumpTableRequest) -> Result<Vec<DumpTableResponse>, Status> {
        let DumpTableRequest { switch, table } = request;
        let id =
            self.live.allocator.with(|core, _| core.switch_named(switch)).map_err(|_| unknown("switch", switch))?;
        let all = Entry::TABLES.iter();
        let tables: Vec<u32> = all.filter(|(_, name)| table.is_empty() || name == table).map(|(id, _)| *id).collect();
        if tables.is_empty() {
            return Err(unknown("table", table));
        }
        let away = || Status::unavailable(format!("switch {switch}: is not available"));
        let mut reader = self.live.allocator.look_at(id).await.ok_or_else(away)?;
        let mut compared = self.compare(id, &mut reader, &tables).await?;
        if compared.values().any(|(wanted, actual)| wanted != actual) {
            // Writes may have been under way: what differs must differ still.
            let again = self.compare(id, &mut reader, &tables).await?;
            let settled = |key: &EntryKey, rows: &(Option<Entry>, Option<Entry>)| {
                rows.0 == rows.1 || again.get(key) == Some(rows)
            };
            let unsettled: Vec<EntryKey> =
                compared.iter().filter(|(key, rows)| !settled(key, rows)).map(|(key, _)| *key).collect();
            for key in unsettled {
                match again.get(&key) {
                    // Different in another way: on its way.
                    Some((wanted, actual)) if wanted == actual => drop(compared.insert(key, (*wanted, *actual))),
                    _ => drop(compared.remove(&key)),
                }
            }
        }
        let rows: Vec<TableRow> = compared.iter().map(|(key, rows)| self.row(key, rows)).collect();
        Ok(rows.chunks(ROWS).map(|rows| DumpTableResponse { rows: rows.to_vec() }).collect())
    }

    async fn compare(&self, id: SwitchId, reader: &mut Reader, tables: &[u32]) -> Result<Compared, Status> {
        let failed = |error: crate::p4rt::ReadError| Status::unavailable(error.to_string());
        let actual = reader.tables(tables).await.map_err(failed)?;
        let allocator = Arc::clone(&self.live.allocator);
        // Many entries take their time.
        let wanted = tokio::task::spawn_blocking(move || allocator.with(|core, _| core.desired(id))).await;
        let wanted = wanted.map_err(|error| Status::internal(error.to_string()))?;
        let mut compared = Compared::new();
        for entry in wanted.into_iter().filter(|entry| tables.contains(&entry.key().table_id())) {
            compared.entry(entry.key()).or_default().0 = Some(entry);
        }
        for entry in actual {
            compared.entry(entry.key()).or_default().1 = Some(entry);
        }
        Ok(compared)
    }

    fn row(&self, key: &EntryKey, (wanted, actual): &(Option<Entry>, Option<Entry>)) -> TableRow {
        let state = match (wanted, actual) {
            (Some(wanted), Some(actual)) if wanted == actual => State::Same,
            (Some(_), Some(_)) => State::Different,
            (Some(_), None) => State::OnlyWanted,
            (None, _) => State::OnlySwitch,
        };
        let action = |entry: &Option<Entry>| entry.as_ref().map(|entry| self.names.action(entry)).unwrap_or_default();
        TableRow {
            table: self.names.table(key.table_id()),
            key: self.names.key(key),
            state: state.into(),
            wanted: action(wanted),
            actual: action(actual),
        }
    }
}
