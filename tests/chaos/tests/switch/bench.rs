use std::{
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use mimiq_chaos::{
    fault::Faults,
    harness::p4::Reader,
    journal::Journal,
    proxy::{ChaosSwitch, Settings},
};
use mimiq_contract::{Entry, EntryKey, MacAddr, P4INFO_TEXT, Role, tables::*};
use p4runtime::{
    rpc,
    v1::{
        Entity, ForwardingPipelineConfig, MasterArbitrationUpdate, SetForwardingPipelineConfigRequest,
        StreamMessageRequest, StreamMessageResponse, Uint128, Update, WriteRequest, entity,
        p4_runtime_client::P4RuntimeClient, set_forwarding_pipeline_config_request::Action, stream_message_request,
        update,
    },
};
use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

const ID: Option<Uint128> = Some(Uint128 { high: 0, low: 1 });

/// A controller behind a chaos switch, in front of a real one.
pub(crate) struct Bench {
    pub(crate) chaos: ChaosSwitch,
    /// Reads the switch itself.
    pub(crate) reader: Reader,
    pub(crate) client: P4RuntimeClient<Channel>,
    pub(crate) stream: Streaming<StreamMessageResponse>,
    _requests: mpsc::Sender<StreamMessageRequest>,
    _journal: TempDir,
}

pub(crate) fn gateway(n: u16) -> Entry {
    let target_addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 1, n);
    Entry::GatewayV6(GatewayV6Key { role: Role::Client, target_addr }, GatewayV6Action::Answer { mac: MacAddr([2; 6]) })
}

pub(crate) async fn open(
    client: &mut P4RuntimeClient<Channel>,
) -> Result<(Streaming<StreamMessageResponse>, mpsc::Sender<StreamMessageRequest>), Status> {
    let (requests, outgoing) = mpsc::channel(1);
    let arbitration = MasterArbitrationUpdate { device_id: 1, election_id: ID, ..Default::default() };
    let update = Some(stream_message_request::Update::Arbitration(arbitration));
    requests.send(StreamMessageRequest { update }).await.unwrap();
    let mut stream = client.stream_channel(ReceiverStream::new(outgoing)).await?.into_inner();
    stream.message().await?.expect("an arbitration");
    Ok((stream, requests))
}

impl Bench {
    /// In front of the switch at this address, with this compiled program.
    pub(crate) async fn start(switch: SocketAddr, p4_device_config: Vec<u8>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::to_file(&dir.path().join("journal.log")).unwrap();
        let settings = Settings {
            name: "chaos".into(),
            switch: format!("http://{switch}"),
            seed: 1,
            faults: Faults::default(),
            longest_delay: Duration::from_secs(1),
            restart: None,
        };
        let chaos = ChaosSwitch::start("127.0.0.1:0".parse().unwrap(), settings, journal).await.unwrap();
        let mut client = P4RuntimeClient::connect(format!("http://{}", chaos.address)).await.unwrap();
        let (stream, requests) = open(&mut client).await.unwrap();
        let p4info = Some(p4runtime::p4info_from_text(P4INFO_TEXT).unwrap());
        let config = Some(ForwardingPipelineConfig { p4info, p4_device_config, ..Default::default() });
        let action = Action::VerifyAndCommit as i32;
        let request =
            SetForwardingPipelineConfigRequest { device_id: 1, election_id: ID, action, config, ..Default::default() };
        client.set_forwarding_pipeline_config(request).await.unwrap();
        let reader = Reader::new(switch, 1).unwrap();
        Self { chaos, reader, client, stream, _requests: requests, _journal: dir }
    }

    pub(crate) fn faults(&self, text: &str) {
        self.chaos.set_faults(Faults::parse(text).unwrap());
    }

    /// Inserts entries with these numbers; the codes of the details, if there are any.
    pub(crate) async fn insert(&mut self, numbers: std::ops::Range<u16>) -> Result<(), (Code, Vec<Code>)> {
        let updates = numbers.map(|n| Update {
            r#type: update::Type::Insert as i32,
            entity: Some(Entity { entity: Some(entity::Entity::TableEntry(gateway(n).to_p4())) }),
        });
        let request = WriteRequest { device_id: 1, election_id: ID, updates: updates.collect(), ..Default::default() };
        let Err(status) = self.client.write(request).await else { return Ok(()) };
        let details = rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
        let code = |any: prost_types::Any| {
            Code::from_i32(p4runtime::v1::Error::decode(any.value.as_slice()).unwrap().canonical_code)
        };
        Err((status.code(), details.into_iter().map(code).collect()))
    }

    /// Which of them the switch has.
    pub(crate) async fn present(&self, numbers: std::ops::Range<u16>) -> Vec<u16> {
        let keys: Vec<EntryKey> = numbers.clone().map(|n| gateway(n).key()).collect();
        let found = self.reader.entries(&keys).await.unwrap();
        numbers.filter(|n| found.contains_key(&gateway(*n).key())).collect()
    }
}
