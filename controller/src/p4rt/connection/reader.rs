use std::{sync::Arc, time::Duration};

use mimiq_contract::{DropReason, Entry, EntryKey, TableSchema as _, ids, tables::SwitchInfo};
use p4runtime::v1::{
    CounterEntry, DirectCounterEntry, Entity, Index, ReadRequest, TableEntry, entity,
    p4_runtime_client::P4RuntimeClient,
};
use tokio::time::timeout;
use tonic::{Status, transport::Channel};

use super::Connection;

/// How long reading tables, and counters, may take.
const TABLES: Duration = Duration::from_secs(60);
const COUNTERS: Duration = Duration::from_secs(2);

/// Reads a switch for somebody who looks, beside the session, which goes on writing meanwhile.
#[derive(Debug, Clone)]
pub struct Reader {
    name: Arc<str>,
    device_id: u64,
    client: P4RuntimeClient<Channel>,
}

/// Why nothing was read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The switch did not answer in time.
    #[error("switch {0}: no answer")]
    Timeout(Arc<str>),
    /// The switch refused, or the connection failed.
    #[error("switch {switch}: {code:?}: {message}")]
    Failed {
        /// Its name.
        switch: Arc<str>,
        /// The code.
        code: tonic::Code,
        /// What it says.
        message: String,
    },
}

impl Connection {
    /// Somebody else's way to read on this connection.
    pub(crate) fn reader(&self) -> Reader {
        Reader { name: self.target.name.clone(), device_id: self.target.device_id, client: self.client.clone() }
    }
}

impl Reader {
    /// The entries of some tables. What is outside the contract is left out.
    ///
    /// # Errors
    /// If the switch does not answer.
    pub async fn tables(&mut self, tables: &[u32]) -> Result<Vec<Entry>, ReadError> {
        let table = |id: &u32| {
            let is_default_action = *id == SwitchInfo::ID;
            entity::Entity::TableEntry(TableEntry { table_id: *id, is_default_action, ..Default::default() })
        };
        let entities = self.read(tables.iter().map(table), TABLES).await?;
        let entry = |entity| match entity {
            entity::Entity::TableEntry(entry) => Entry::from_p4(&entry).ok(),
            _ => None,
        };
        Ok(entities.into_iter().filter_map(entry).collect())
    }

    /// The packets that these entries have been hit by, in their order; `None` for one that is not there.
    ///
    /// # Errors
    /// If the switch does not answer.
    pub async fn packets(&mut self, keys: &[EntryKey]) -> Result<Vec<Option<u64>>, ReadError> {
        let counter = |key: &EntryKey| {
            entity::Entity::DirectCounterEntry(DirectCounterEntry { table_entry: Some(key.to_p4()), data: None })
        };
        let mut packets = vec![None; keys.len()];
        let entities = match self.read(keys.iter().map(counter), COUNTERS).await {
            Ok(entities) => entities,
            // One of several is gone, and some targets then refuse them all.
            Err(ReadError::Failed { code: tonic::Code::NotFound, .. }) if keys.len() > 1 => {
                for (packets, key) in packets.iter_mut().zip(keys) {
                    *packets = Box::pin(self.packets(std::slice::from_ref(key))).await?.pop().flatten();
                }
                return Ok(packets);
            }
            Err(ReadError::Failed { code: tonic::Code::NotFound, .. }) => return Ok(packets),
            Err(error) => return Err(error),
        };
        for entity in entities {
            let entity::Entity::DirectCounterEntry(counter) = entity else { continue };
            let key = counter.table_entry.as_ref().and_then(|entry| EntryKey::from_p4(entry).ok());
            if let Some(place) = key.and_then(|key| keys.iter().position(|wanted| *wanted == key)) {
                packets[place] = counter.data.map(|data| u64::try_from(data.packet_count).unwrap_or(0));
            }
        }
        Ok(packets)
    }

    /// The packets dropped for a reason.
    ///
    /// # Errors
    /// If the switch does not answer.
    pub async fn drops(&mut self, reason: DropReason) -> Result<u64, ReadError> {
        let index = Some(Index { index: i64::from(reason as u8) });
        let counter = CounterEntry { counter_id: ids::COUNTER_DROP_REASON, index, data: None };
        let entities = self.read([entity::Entity::CounterEntry(counter)], COUNTERS).await?;
        let packets = entities.into_iter().find_map(|entity| match entity {
            entity::Entity::CounterEntry(counter) => u64::try_from(counter.data?.packet_count).ok(),
            _ => None,
        });
        Ok(packets.unwrap_or(0))
    }

    async fn read(
        &mut self,
        entities: impl IntoIterator<Item = entity::Entity>,
        patience: Duration,
    ) -> Result<Vec<entity::Entity>, ReadError> {
        let entities = entities.into_iter().map(|entity| Entity { entity: Some(entity) }).collect();
        let request = ReadRequest { device_id: self.device_id, entities, ..Default::default() };
        let reading = async {
            let mut responses = self.client.read(request).await?.into_inner();
            let mut found = Vec::new();
            while let Some(response) = responses.message().await? {
                found.extend(response.entities.into_iter().filter_map(|entity| entity.entity));
            }
            Ok::<_, Status>(found)
        };
        match timeout(patience, reading).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(status)) => Err(ReadError::Failed {
                switch: self.name.clone(),
                code: status.code(),
                message: status.message().to_owned(),
            }),
            Err(_) => Err(ReadError::Timeout(self.name.clone())),
        }
    }
}
