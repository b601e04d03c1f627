use std::{collections::HashMap, net::SocketAddr};

use mimiq_contract::{Entry, EntryKey, TableSchema as _, ids::METER_ICMP_ERROR_METER, tables::SwitchInfo};
use p4runtime::v1::{
    Entity, ForwardingPipelineConfig, GetForwardingPipelineConfigRequest, Index, MasterArbitrationUpdate, MeterConfig,
    MeterEntry, ReadRequest, StreamMessageRequest, TableEntry, Uint128, Update, WriteRequest, entity,
    p4_runtime_client::P4RuntimeClient, stream_message_request, stream_message_response, update,
};
use tonic::transport::Channel;

/// A switch's P4Runtime server, seen by somebody else than the controller.
pub struct P4 {
    pub address: SocketAddr,
    pub device_id: u64,
}

impl P4 {
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn client(&self) -> Option<P4RuntimeClient<Channel>> {
        P4RuntimeClient::connect(self.uri()).await.ok()
    }

    async fn read(&self, entities: Vec<entity::Entity>) -> Option<Vec<entity::Entity>> {
        let entities = entities.into_iter().map(|entity| Entity { entity: Some(entity) }).collect();
        let request = ReadRequest { device_id: self.device_id, entities, ..Default::default() };
        let mut responses = self.client().await?.read(request).await.ok()?.into_inner();
        let mut found = Vec::new();
        while let Some(response) = responses.message().await.ok()? {
            found.extend(response.entities.into_iter().filter_map(|entity| entity.entity));
        }
        Some(found)
    }

    /// All its entries, read as a controller would; `None` if it is away or has no pipeline yet.
    pub async fn try_entries(&self) -> Option<HashMap<EntryKey, Entry>> {
        let table =
            |id: u32| TableEntry { table_id: id, is_default_action: id == SwitchInfo::ID, ..Default::default() };
        let tables = Entry::TABLES.iter().map(|(id, _)| entity::Entity::TableEntry(table(*id))).collect();
        let mut entries = HashMap::new();
        for found in self.read(tables).await? {
            let entity::Entity::TableEntry(entry) = found else { panic!("no table entry") };
            if let Ok(entry) = Entry::from_p4(&entry) {
                entries.insert(entry.key(), entry);
            }
        }
        Some(entries)
    }

    pub async fn entries(&self) -> HashMap<EntryKey, Entry> {
        self.try_entries().await.expect("the switch answers")
    }

    /// The configuration of the meter of ICMP errors.
    pub async fn meter(&self) -> Option<MeterConfig> {
        let found = self.read(vec![entity::Entity::MeterEntry(meter(None))]).await.expect("the switch answers");
        let [entity::Entity::MeterEntry(entry)] = &found[..] else { panic!("{found:?}") };
        entry.config
    }

    pub async fn pipeline(&self) -> ForwardingPipelineConfig {
        let request = GetForwardingPipelineConfigRequest { device_id: self.device_id, ..Default::default() };
        let response = self.client().await.unwrap().get_forwarding_pipeline_config(request).await.unwrap();
        response.into_inner().config.unwrap()
    }

    /// Writes as the present primary would.
    pub async fn meddle(&self, updates: Vec<(update::Type, TableEntry)>) {
        let entry = |(kind, entry)| (kind, entity::Entity::TableEntry(entry));
        self.write(updates.into_iter().map(entry).collect()).await;
    }

    /// Sets the meter of ICMP errors as the present primary would.
    pub async fn meddle_with_meter(&self, config: Option<MeterConfig>) {
        self.write(vec![(update::Type::Modify, entity::Entity::MeterEntry(meter(config)))]).await;
    }

    async fn write(&self, updates: Vec<(update::Type, entity::Entity)>) {
        let mut client = self.client().await.unwrap();
        // A backup is told the primary's election ID.
        let arbitration = MasterArbitrationUpdate {
            device_id: self.device_id,
            election_id: Some(Uint128 { high: 0, low: 1 }),
            ..Default::default()
        };
        let hello = StreamMessageRequest { update: Some(stream_message_request::Update::Arbitration(arbitration)) };
        // The stream ends with the request side, and is needed no longer.
        let mut stream = client.stream_channel(tokio_stream::once(hello)).await.unwrap().into_inner();
        let answer = stream.message().await.unwrap().unwrap().update.unwrap();
        let stream_message_response::Update::Arbitration(answer) = answer else { panic!("{answer:?}") };
        let update = |(kind, entity): (update::Type, _)| Update {
            r#type: kind as i32,
            entity: Some(Entity { entity: Some(entity) }),
        };
        let updates = updates.into_iter().map(update).collect();
        let (device_id, election_id) = (self.device_id, answer.election_id);
        client.write(WriteRequest { device_id, election_id, updates, ..Default::default() }).await.unwrap();
    }
}

fn meter(config: Option<MeterConfig>) -> MeterEntry {
    let index = Some(Index { index: 0 });
    MeterEntry { meter_id: METER_ICMP_ERROR_METER, index, config, ..Default::default() }
}
