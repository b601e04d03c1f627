//! A switch's tables, read by somebody else than the controller.

use std::{collections::HashMap, net::SocketAddr};

use mimiq_contract::{Entry, EntryKey, TableSchema as _, tables::SwitchInfo};
use p4runtime::v1::{Entity, ReadRequest, TableEntry, entity, p4_runtime_client::P4RuntimeClient};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// What a switch's tables have.
pub type Tables = HashMap<EntryKey, Entry>;

/// Most entries that are asked for by their keys in one request.
const KEYS: usize = 1000;

/// A connection for reading; it comes back by itself when the switch does.
#[derive(Debug, Clone)]
pub struct Reader {
    client: P4RuntimeClient<Channel>,
    device_id: u64,
}

impl Reader {
    /// Connects when it is first used.
    ///
    /// # Errors
    /// If the address is none.
    pub fn new(address: SocketAddr, device_id: u64) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect_lazy();
        let client = P4RuntimeClient::new(channel).max_decoding_message_size(usize::MAX);
        Ok(Self { client, device_id })
    }

    /// All entries; none of a switch that has no pipeline yet.
    ///
    /// # Errors
    /// If the switch does not answer.
    pub async fn tables(&self) -> Result<Tables, Status> {
        let table =
            |id: u32| TableEntry { table_id: id, is_default_action: id == SwitchInfo::ID, ..Default::default() };
        match self.read(Entry::TABLES.iter().map(|(id, _)| table(*id)).collect()).await {
            Err(status) if status.code() == Code::FailedPrecondition => Ok(Tables::new()),
            other => other,
        }
    }

    /// Those of these entries that it has.
    ///
    /// # Errors
    /// If the switch does not answer.
    pub async fn entries(&self, keys: &[EntryKey]) -> Result<Tables, Status> {
        let mut found = Tables::new();
        for keys in keys.chunks(KEYS) {
            match self.read(keys.iter().map(EntryKey::to_p4).collect()).await {
                Err(status) if status.code() == Code::FailedPrecondition => {}
                other => found.extend(other?),
            }
        }
        Ok(found)
    }

    async fn read(&self, entries: Vec<TableEntry>) -> Result<Tables, Status> {
        let entities =
            entries.into_iter().map(|entry| Entity { entity: Some(entity::Entity::TableEntry(entry)) }).collect();
        let request = ReadRequest { device_id: self.device_id, entities, ..Default::default() };
        let mut responses = self.client.clone().read(request).await?.into_inner();
        let mut tables = Tables::new();
        while let Some(response) = responses.message().await? {
            for found in response.entities {
                let Some(entity::Entity::TableEntry(entry)) = found.entity else { continue };
                match Entry::from_p4(&entry) {
                    Ok(entry) => drop(tables.insert(entry.key(), entry)),
                    // The default entry before it was first set.
                    Err(_) if entry.is_default_action => {}
                    Err(error) => return Err(Status::data_loss(error.to_string())),
                }
            }
        }
        Ok(tables)
    }
}
