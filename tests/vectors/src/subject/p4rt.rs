//! A P4Runtime client for programs that implement the contract: the same for all of them.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use mimiq_contract::{Entry, EntryKey, TableSchema as _, ids, tables::SwitchInfo};
use p4runtime::v1::{
    CounterData, CounterEntry, Entity, ForwardingPipelineConfig, Index, MasterArbitrationUpdate, MeterConfig,
    MeterEntry, ReadRequest, SetForwardingPipelineConfigRequest, StreamMessageRequest, TableEntry, Uint128, Update,
    WriteRequest, entity::Entity as Kind, p4_runtime_client::P4RuntimeClient,
    set_forwarding_pipeline_config_request::Action, stream_message_request, stream_message_response, update::Type,
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use super::{Count, Drops, Hits};
use crate::{
    entry::{self, State},
    file::Meter,
    names,
};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(20);
/// Updates a write: the errors of all must fit a trailer.
const BATCH: usize = 100;
/// A read of everything is one message on some targets.
const MAX_READ: usize = 64 << 20;
const ELECTION: Option<Uint128> = Some(Uint128 { high: 0, low: 1 });

/// A connection as the primary controller.
pub(super) struct P4Rt {
    client: P4RuntimeClient<Channel>,
    device_id: u64,
    /// Primary only as long as it is open.
    _stream: mpsc::Sender<StreamMessageRequest>,
    state: State,
    meter: Option<Meter>,
}

impl P4Rt {
    /// Connects, becomes primary and sets the pipeline, whose tables are empty then.
    pub(super) async fn open(uri: &str, device_id: u64, device_config: Vec<u8>) -> Result<Self> {
        let channel = Endpoint::from_shared(uri.to_owned())?.timeout(CALL).tcp_nodelay(true).connect().await;
        let channel = channel.with_context(|| uri.to_owned())?;
        let mut client = P4RuntimeClient::new(channel).max_decoding_message_size(MAX_READ);
        let (sender, outgoing) = mpsc::channel(1);
        let claim = MasterArbitrationUpdate { device_id, election_id: ELECTION, ..Default::default() };
        let update = Some(stream_message_request::Update::Arbitration(claim));
        sender.send(StreamMessageRequest { update }).await?;
        // Unlike for a call, there must be no deadline for the stream: it stays open.
        let mut long_lived = P4RuntimeClient::new(
            Endpoint::from_shared(uri.to_owned())?.connect().await.with_context(|| uri.to_owned())?,
        );
        let mut stream = long_lived.stream_channel(ReceiverStream::new(outgoing)).await?.into_inner();
        let answer = tokio::time::timeout(CALL, stream.message()).await.context("arbitration")??;
        match answer.and_then(|a| a.update) {
            Some(stream_message_response::Update::Arbitration(update)) => {
                let status = update.status.unwrap_or_default();
                if status.code != 0 {
                    bail!("arbitration: {}", status.message);
                }
            }
            other => bail!("arbitration: {other:?}"),
        }
        // What else it says is of no interest, but must be read.
        tokio::spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
        let config = ForwardingPipelineConfig {
            p4info: Some(names::P4INFO.clone()),
            p4_device_config: device_config,
            cookie: None,
        };
        let request = SetForwardingPipelineConfigRequest {
            device_id,
            election_id: ELECTION,
            action: Action::VerifyAndCommit as i32,
            config: Some(config),
            ..Default::default()
        };
        client.set_forwarding_pipeline_config(request).await.map_err(failure("set pipeline config"))?;
        Ok(Self { client, device_id, _stream: sender, state: State::new(), meter: None })
    }

    /// Changes entries and meter to these.
    pub(super) async fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()> {
        let gone = self.state.keys().filter(|key| !state.contains_key(key)).map(delete);
        self.write(gone.collect()).await?;
        let changed = state.values().filter(|entry| self.state.get(&entry.key()) != Some(entry));
        let update = |entry: &Entry| {
            let default = matches!(entry, Entry::SwitchInfo(..));
            let known = default || self.state.contains_key(&entry.key());
            update(if known { Type::Modify } else { Type::Insert }, Kind::TableEntry(entry.to_p4()))
        };
        self.write(changed.map(update).collect()).await?;
        self.state.clone_from(state);
        // To set it fills its bucket.
        if meter.is_some() || self.meter.is_some() {
            self.write(vec![update_meter(meter)?]).await?;
            self.meter = meter;
        }
        Ok(())
    }

    async fn write(&mut self, updates: Vec<Update>) -> Result<()> {
        for batch in updates.chunks(BATCH) {
            let request = WriteRequest {
                device_id: self.device_id,
                election_id: ELECTION,
                updates: batch.to_vec(),
                ..Default::default()
            };
            self.client.write(request).await.map_err(|status| refused(batch, &status))?;
        }
        Ok(())
    }

    pub(super) async fn drops(&mut self) -> Result<Drops> {
        let entry = CounterEntry { counter_id: ids::COUNTER_DROP_REASON, ..Default::default() };
        let mut drops = Drops::new();
        for entity in self.read(Kind::CounterEntry(entry)).await? {
            if let Kind::CounterEntry(entry) = entity {
                let index = entry.index.map_or(0, |index| index.index);
                drops.insert(usize::try_from(index)?, count(entry.data));
            }
        }
        Ok(drops)
    }

    pub(super) async fn hits(&mut self) -> Result<Hits> {
        let wanted = TableEntry { counter_data: Some(CounterData::default()), ..Default::default() };
        let mut hits = Hits::new();
        for entity in self.read(Kind::TableEntry(wanted)).await? {
            if let Kind::TableEntry(entry) = entity
                && entry.table_id != SwitchInfo::ID
            {
                hits.insert(EntryKey::from_p4(&entry)?, count(entry.counter_data));
            }
        }
        Ok(hits)
    }

    async fn read(&mut self, what: Kind) -> Result<Vec<Kind>> {
        let entities = vec![Entity { entity: Some(what) }];
        let request = ReadRequest { device_id: self.device_id, entities, ..Default::default() };
        let mut responses = self.client.read(request).await.map_err(failure("read"))?.into_inner();
        let mut found = Vec::new();
        while let Some(response) = responses.message().await.map_err(failure("read"))? {
            found.extend(response.entities.into_iter().filter_map(|e| e.entity));
        }
        Ok(found)
    }
}

fn update(kind: Type, entity: Kind) -> Update {
    Update { r#type: kind as i32, entity: Some(Entity { entity: Some(entity) }) }
}

/// Deletes an entry; the table without key gets its first default action back instead.
fn delete(key: &EntryKey) -> Update {
    let kind = if matches!(key, EntryKey::SwitchInfo(_)) { Type::Modify } else { Type::Delete };
    update(kind, Kind::TableEntry(key.to_p4()))
}

fn update_meter(meter: Option<Meter>) -> Result<Update> {
    let known = names::P4INFO.meters.iter().find(|m| names::alias(&m.preamble) == "icmp_error_meter");
    let meter_id = names::id(&known.context("the p4info has no meter icmp_error_meter")?.preamble);
    let config = meter.map(|Meter { rate, burst }| {
        let (rate, burst) = (i64::from(rate), i64::from(burst));
        MeterConfig { cir: rate, cburst: burst, pir: rate, pburst: burst, eburst: 0 }
    });
    let entry = MeterEntry { meter_id, index: Some(Index { index: 0 }), config, counter_data: None };
    Ok(update(Type::Modify, Kind::MeterEntry(entry)))
}

fn count(data: Option<CounterData>) -> Count {
    let data = data.unwrap_or_default();
    Count { packets: data.packet_count as u64, bytes: data.byte_count as u64 }
}

fn failure(call: &'static str) -> impl Fn(Status) -> anyhow::Error {
    move |status| anyhow!("{call}: {:?}: {}", status.code(), status.message())
}

/// What a write was refused for, update by update.
fn refused(updates: &[Update], status: &Status) -> anyhow::Error {
    let mut text = format!("write: {:?}: {}", status.code(), status.message());
    let details = p4runtime::rpc::Status::decode(status.details()).map(|s| s.details).unwrap_or_default();
    for (update, any) in updates.iter().zip(details) {
        let Ok(error) = p4runtime::v1::Error::decode(any.value.as_slice()) else { continue };
        if error.canonical_code == 0 {
            continue;
        }
        let what = match update.entity.as_ref().and_then(|e| e.entity.as_ref()) {
            Some(Kind::TableEntry(e)) => EntryKey::from_p4(e).map(|key| entry::print_key(&key)).unwrap_or_default(),
            other => format!("{other:?}"),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {what}: {} {}", error.canonical_code, error.message);
    }
    anyhow!(text)
}
