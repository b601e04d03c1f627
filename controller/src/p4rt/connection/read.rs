//! All entries of a switch.

use std::time::Duration;

use mimiq_contract::{
    Entry, TableSchema as _,
    tables::SwitchInfo,
    wire::{Field, Fields, take_entity},
};
use p4runtime::v1::{Entity, ReadRequest, ReadResponse, TableEntry, entity};
use prost::Message as _;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::{Connection, Lost, call, puzzling};

/// How long it may take.
const READ: Duration = Duration::from_secs(60);

impl Connection {
    /// All entries of all tables.
    ///
    /// # Errors
    /// If the switch does not answer, or not with entries.
    pub async fn read(&mut self) -> Result<Vec<Entry>, Lost> {
        timeout(READ, self.read_tables()).await.map_err(|_| Lost::Timeout("read"))?
    }

    async fn read_tables(&mut self) -> Result<Vec<Entry>, Lost> {
        let table =
            |id: u32| TableEntry { table_id: id, is_default_action: id == SwitchInfo::ID, ..Default::default() };
        let entity = |(id, _): &(u32, _)| Entity { entity: Some(entity::Entity::TableEntry(table(*id))) };
        let entities = Entry::TABLES.iter().map(entity).collect();
        let request = ReadRequest { device_id: self.target.device_id, entities, ..Default::default() };
        let question = self.target.about_program();
        let failed = |status: Status| match status.code() {
            Code::Unknown => puzzling("read", question.to_owned())(status),
            _ => call("read")(status),
        };
        let mut responses = self.bytes.read(request.encode_to_vec().into()).await.map_err(failed)?;
        let mut entries = Vec::new();
        while let Some(response) = responses.message().await.map_err(failed)? {
            self.take(&response, &mut entries).map_err(|error| failed(Status::internal(error.to_string())))?;
        }
        Ok(entries)
    }

    /// Takes the entries from a message; what is usual directly, the rest through the messages in it.
    fn take(&self, response: &[u8], entries: &mut Vec<Entry>) -> Result<(), prost::DecodeError> {
        let mut fields = Fields::entities(response);
        for field in &mut fields {
            let Field::Item(entity) = field else { continue };
            match take_entity(entity) {
                Some(entry) => entries.push(entry),
                None => entries.extend(self.entry(Entity::decode(entity)?)),
            }
        }
        if !fields.is_complete() {
            // Says what is wrong.
            ReadResponse::decode(response)?;
        }
        Ok(())
    }

    fn entry(&self, entity: Entity) -> Option<Entry> {
        let Some(entity::Entity::TableEntry(entry)) = entity.entity else { return None };
        match Entry::from_p4(&entry) {
            Ok(entry) => Some(entry),
            // The default entry before it was first set: the program's initial action.
            Err(_) if entry.is_default_action => None,
            Err(error) => {
                let (switch, table) = (&*self.target.name, entry.table_id);
                tracing::warn!(switch, table, "an entry outside the contract is left alone");
                // It may name a client's address.
                tracing::debug!(switch, %error, "outside the contract because");
                None
            }
        }
    }
}
