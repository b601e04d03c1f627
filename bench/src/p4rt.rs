//! A P4Runtime client that programs any switch as the controller would.

use anyhow::{Context as _, anyhow};
use mimiq_contract::{Entry, P4INFO_TEXT};
use p4runtime::v1::{
    Entity, ForwardingPipelineConfig, MasterArbitrationUpdate, ReadRequest, SetForwardingPipelineConfigRequest,
    StreamMessageRequest, TableEntry, Uint128, Update, WriteRequest, entity, p4_runtime_client::P4RuntimeClient,
    set_forwarding_pipeline_config_request::Action, stream_message_request, update,
};
use tokio::sync::mpsc;
use tonic::{Status, transport::Channel};

/// The device ID of the switches that are started here.
pub(crate) const DEVICE: u64 = 1;
const ELECTION: Option<Uint128> = Some(Uint128 { high: 0, low: 1 });

/// A connection as the primary controller.
pub(crate) struct Controller {
    client: P4RuntimeClient<Channel>,
    /// Primary only as long as it is open.
    _stream: mpsc::Sender<StreamMessageRequest>,
}

impl Controller {
    /// Connects, becomes primary and sets the pipeline; `device_config` is the compiled program, empty for a switch that has
    /// its own.
    pub(crate) async fn connect(address: &str, device_config: &[u8]) -> anyhow::Result<Self> {
        let mut client = P4RuntimeClient::connect(format!("http://{address}")).await.context("P4Runtime")?;
        let arbitration = MasterArbitrationUpdate { device_id: DEVICE, election_id: ELECTION, ..Default::default() };
        let hello = StreamMessageRequest { update: Some(stream_message_request::Update::Arbitration(arbitration)) };
        let (requests, stream) = mpsc::channel(1);
        requests.send(hello).await?;
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        let mut answers = client.stream_channel(stream).await.map_err(failure("StreamChannel"))?.into_inner();
        let answer = answers.message().await.map_err(failure("arbitration"))?;
        answer.context("arbitration: the stream ended")?;

        let p4info = p4runtime::p4info_from_text(P4INFO_TEXT)?;
        let config = ForwardingPipelineConfig {
            p4info: Some(p4info),
            p4_device_config: device_config.to_vec(),
            ..Default::default()
        };
        let request = SetForwardingPipelineConfigRequest {
            device_id: DEVICE,
            election_id: ELECTION,
            action: Action::VerifyAndCommit.into(),
            config: Some(config),
            ..Default::default()
        };
        client.set_forwarding_pipeline_config(request).await.map_err(failure("SetForwardingPipelineConfig"))?;
        Ok(Self { client, _stream: requests })
    }

    /// Sends one request after the other, each when the one before has been answered.
    pub(crate) async fn write(&mut self, requests: Vec<WriteRequest>) -> anyhow::Result<()> {
        for request in requests {
            self.client.write(request).await.map_err(failure("Write"))?;
        }
        Ok(())
    }

    /// The entries of a table; 0 is all tables.
    pub(crate) async fn read(&mut self, table_id: u32) -> anyhow::Result<Vec<Entry>> {
        let table = entity::Entity::TableEntry(TableEntry { table_id, ..Default::default() });
        let entities = vec![Entity { entity: Some(table) }];
        let request = ReadRequest { device_id: DEVICE, entities, ..Default::default() };
        let mut responses = self.client.read(request).await.map_err(failure("Read"))?.into_inner();
        let mut entries = Vec::new();
        while let Some(response) = responses.message().await.map_err(failure("Read"))? {
            for entity in &response.entities {
                if let Some(entity::Entity::TableEntry(entry)) = &entity.entity {
                    entries.push(Entry::from_p4(entry)?);
                }
            }
        }
        Ok(entries)
    }
}

/// An update of a table.
pub(crate) fn update(kind: update::Type, entry: TableEntry) -> Update {
    Update { r#type: kind.into(), entity: Some(Entity { entity: Some(entity::Entity::TableEntry(entry)) }) }
}

/// A request with these updates.
pub(crate) fn request(updates: Vec<Update>) -> WriteRequest {
    WriteRequest { device_id: DEVICE, election_id: ELECTION, updates, ..Default::default() }
}

/// Requests that insert the entries, so many in each.
pub(crate) fn inserts(entries: &[Entry], batch: usize) -> Vec<WriteRequest> {
    let insert = |entry: &Entry| update(update::Type::Insert, entry.to_p4());
    entries.chunks(batch).map(|entries| request(entries.iter().map(insert).collect())).collect()
}

/// BMv2 says UNKNOWN whatever an update was refused for, and the reason in the details.
fn failure(call: &'static str) -> impl Fn(Status) -> anyhow::Error {
    move |status| {
        let details = String::from_utf8_lossy(status.details());
        anyhow!("{call}: {:?}: {} {details:?}", status.code(), status.message())
    }
}
