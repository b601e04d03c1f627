mod lost;
mod meter;
mod pipeline;
mod reader;

use std::{sync::Arc, time::Duration};

use mimiq_contract::{Entry, TableSchema as _, tables::SwitchInfo};
use p4runtime::{
    rpc,
    v1::{
        Entity, MasterArbitrationUpdate, ReadRequest, StreamMessageRequest, StreamMessageResponse, TableEntry, Uint128,
        Update, WriteRequest, entity, p4_runtime_client::P4RuntimeClient, stream_message_request,
        stream_message_response, update,
    },
};
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

pub(super) use lost::Lost;
use lost::{call, not_arbitrated, puzzling};
pub use reader::{ReadError, Reader};

use mimiq_core::Operation;

/// How long connecting and each call may take.
const CALL: Duration = Duration::from_secs(5);
/// How long reading all entries may take.
const READ: Duration = Duration::from_secs(60);
/// TCP finds out that a switch is gone though it has not closed its connection: after so long without a word, in probes.
/// Not HTTP/2 pings: gRPC's own servers, BMv2's among them, close a connection with more than one in five minutes.
const IDLE: Duration = Duration::from_secs(5);
const PROBE: (Duration, u32) = (Duration::from_secs(2), 3);
/// A full read is one message on some targets: 10^6 entries take about 80 MB.
const MAX_READ: usize = 512 << 20;
/// The errors of a whole batch travel in one trailer.
const MAX_HEADERS: u32 = 256 << 10;

/// A controller's part of P4Runtime's election ID: of two controllers the one with the higher ID writes (§5). It is the
/// upper half; the lower one counts the controller's own connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ElectionId(pub u64);

/// A switch to be controlled.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in logs and metrics.
    pub name: Arc<str>,
    /// `http://HOST:PORT`.
    pub uri: String,
    /// P4Runtime's device ID.
    pub device_id: u64,
    /// The controller's election ID.
    pub election_id: ElectionId,
    /// The compiled program to load; empty for a switch that has its own.
    pub device_config: Arc<[u8]>,
}

impl Target {
    /// What to ask when the switch does not do as the contract says: BMv2 takes any bytes as a program.
    fn about_program(&self) -> &'static str {
        if self.device_config.is_empty() { "does it need device_config" } else { "can it run this device_config" }
    }
}

/// What became of one update: `None`, or the error with its code and message.
pub(super) type Outcome = Option<(Code, String)>;

/// A connection to a switch on which this controller is primary and the contract's pipeline runs.
pub(super) struct Connection {
    target: Target,
    election_id: Uint128,
    client: P4RuntimeClient<Channel>,
    stream: Streaming<StreamMessageResponse>,
    /// The stream lives as long as its request side.
    _requests: mpsc::Sender<StreamMessageRequest>,
}

impl Connection {
    /// Connects, becomes primary, and sets the pipeline unless it is there. `earlier` counts the connections that were
    /// lost before: a switch that has not noticed yet would refuse the ID of a stream that it takes for alive.
    pub(super) async fn open(target: Target, earlier: u64) -> Result<Self, Lost> {
        let channel = Endpoint::from_shared(target.uri.clone())?
            .connect_timeout(CALL)
            .tcp_keepalive(Some(IDLE))
            .tcp_keepalive_interval(Some(PROBE.0))
            .tcp_keepalive_retries(Some(PROBE.1))
            .http2_max_header_list_size(MAX_HEADERS)
            .tcp_nodelay(true)
            .connect()
            .await?;
        let mut client = P4RuntimeClient::new(channel).max_decoding_message_size(MAX_READ);
        let (requests, outgoing) = mpsc::channel(1);
        let election_id = Uint128 { high: target.election_id.0, low: earlier };
        let arbitration = MasterArbitrationUpdate {
            device_id: target.device_id,
            election_id: Some(election_id),
            ..Default::default()
        };
        let update = Some(stream_message_request::Update::Arbitration(arbitration));
        // The request must wait in the stream before the call: servers may answer the call only with the first message.
        requests.send(StreamMessageRequest { update }).await.map_err(|_| Lost::Closed("arbitration"))?;
        let stream = timeout(CALL, client.stream_channel(ReceiverStream::new(outgoing)))
            .await
            .map_err(|_| Lost::Timeout("arbitration"))?
            .map_err(|status| not_arbitrated(target.election_id, &status))?
            .into_inner();
        let mut connection = Self { target, election_id, client, stream, _requests: requests };
        timeout(CALL, connection.arbitrated()).await.map_err(|_| Lost::Timeout("arbitration"))??;
        connection.set_pipeline().await?;
        Ok(connection)
    }

    /// Waits for the next arbitration message; an error unless this controller is primary.
    async fn arbitrated(&mut self) -> Result<(), Lost> {
        loop {
            let message =
                self.stream.message().await.map_err(|status| not_arbitrated(self.target.election_id, &status))?;
            match message.ok_or(Lost::Closed("arbitration"))?.update {
                Some(stream_message_response::Update::Arbitration(update)) => {
                    let status = update.status.unwrap_or_default();
                    if status.code == Code::Ok as i32 {
                        return Ok(());
                    }
                    let election_id = self.target.election_id;
                    return Err(Lost::NotPrimary { election_id, message: status.message });
                }
                other => tracing::debug!(switch = %self.target.name, ?other, "stream message ignored"),
            }
        }
    }

    /// Returns when this controller is no longer primary or the stream ends. Cancel-safe.
    pub(super) async fn lost(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.arbitrated().await {
                return lost;
            }
        }
    }

    /// All entries of all tables.
    pub(super) async fn read(&mut self) -> Result<Vec<Entry>, Lost> {
        timeout(READ, self.read_tables()).await.map_err(|_| Lost::Timeout("read"))?
    }

    async fn read_tables(&mut self) -> Result<Vec<Entry>, Lost> {
        let table =
            |id: u32| TableEntry { table_id: id, is_default_action: id == SwitchInfo::ID, ..Default::default() };
        let entities = Entry::TABLES.iter().map(|(id, _)| entity(table(*id))).collect();
        let request = ReadRequest { device_id: self.target.device_id, entities, ..Default::default() };
        let question = self.target.about_program();
        let failed = |status: Status| match status.code() {
            Code::Unknown => puzzling("read", question.to_owned())(status),
            _ => call("read")(status),
        };
        let mut responses = self.client.read(request).await.map_err(failed)?.into_inner();
        let mut entries = Vec::new();
        while let Some(response) = responses.message().await.map_err(failed)? {
            for entity in response.entities {
                let Some(entity::Entity::TableEntry(entry)) = entity.entity else { continue };
                match Entry::from_p4(&entry) {
                    Ok(entry) => entries.push(entry),
                    // The default entry before it was first set: the program's initial action.
                    Err(_) if entry.is_default_action => {}
                    Err(error) => {
                        let (switch, table) = (&*self.target.name, entry.table_id);
                        tracing::warn!(switch, table, "an entry outside the contract is left alone");
                        // It may name a client's address.
                        tracing::debug!(switch, %error, "outside the contract because");
                    }
                }
            }
        }
        Ok(entries)
    }

    /// Writes a batch without two updates of one entry, as P4Runtime may apply them in any order (§12).
    pub(super) async fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>, Lost> {
        self.write_updates(operations.iter().map(to_update).collect()).await
    }

    async fn write_updates(&mut self, updates: Vec<Update>) -> Result<Vec<Outcome>, Lost> {
        let (device_id, election_id, count) = (self.target.device_id, Some(self.election_id), updates.len());
        let request = WriteRequest { device_id, election_id, updates, ..Default::default() };
        let status = match timeout(CALL, self.client.write(request)).await.map_err(|_| Lost::Timeout("write"))? {
            Ok(_) => return Ok(vec![None; count]),
            Err(status) => status,
        };
        // §12.3: one p4.v1.Error for each update, the good ones included. Without them, as when the trailer was too large
        // (RESOURCE_EXHAUSTED), nobody knows which were applied: the tables must be read back.
        let details = rpc::Status::decode(status.details()).map(|s| s.details).unwrap_or_default();
        if details.len() != count {
            return Err(Lost::NoDetails(status.code()));
        }
        let outcomes = details.iter().map(|any| p4runtime::v1::Error::decode(any.value.as_slice()).ok());
        let outcomes: Option<Vec<Outcome>> = outcomes
            .map(|error| {
                error.map(|e| Some((Code::from_i32(e.canonical_code), e.message)).filter(|(c, _)| *c != Code::Ok))
            })
            .collect();
        outcomes.ok_or_else(|| Lost::NoDetails(status.code()))
    }
}

fn entity(entry: TableEntry) -> Entity {
    Entity { entity: Some(entity::Entity::TableEntry(entry)) }
}

fn to_update(operation: &Operation) -> Update {
    let (kind, entry) = match operation {
        Operation::Insert(entry) => (update::Type::Insert, entry.to_p4()),
        Operation::Modify(entry) => (update::Type::Modify, entry.to_p4()),
        Operation::Delete(key) => (update::Type::Delete, key.to_p4()),
    };
    Update { r#type: kind as i32, entity: Some(entity(entry)) }
}
