//! What the chaos switch does to requests, in front of the software switch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

use std::{net::Ipv6Addr, time::Duration};

use mimiq_chaos::{
    fault::{Faults, Rpc},
    harness::{
        eventually,
        network::{Network, Pools, Spec},
        p4::Reader,
        programs::Programs,
    },
    proxy::Phase,
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
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

const ID: Option<Uint128> = Some(Uint128 { high: 0, low: 1 });

/// A controller behind a chaos switch, in front of a software switch.
struct Bench {
    network: Network,
    client: P4RuntimeClient<Channel>,
    stream: Streaming<StreamMessageResponse>,
    _requests: mpsc::Sender<StreamMessageRequest>,
    _dir: TempDir,
}

fn gateway(n: u16) -> Entry {
    let target_addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 1, n);
    Entry::GatewayV6(GatewayV6Key { role: Role::Client, target_addr }, GatewayV6Action::Answer { mac: MacAddr([2; 6]) })
}

async fn open(
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
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spec = Spec { switches: &[("access1", Some(1))], ..Spec::quick(Pools::Aliases) };
        let network = Network::start(dir.path(), &Programs::find().unwrap(), &spec, &[], 1).await.unwrap();
        let address = network.switches[0].chaos.as_ref().unwrap().address;
        let mut client = P4RuntimeClient::connect(format!("http://{address}")).await.unwrap();
        let (stream, requests) = open(&mut client).await.unwrap();
        let p4info = Some(p4runtime::p4info_from_text(P4INFO_TEXT).unwrap());
        let config = Some(ForwardingPipelineConfig { p4info, ..Default::default() });
        let action = Action::VerifyAndCommit as i32;
        let request =
            SetForwardingPipelineConfigRequest { device_id: 1, election_id: ID, action, config, ..Default::default() };
        client.set_forwarding_pipeline_config(request).await.unwrap();
        Self { network, client, stream, _requests: requests, _dir: dir }
    }

    fn faults(&self, text: &str) {
        self.network.switches[0].chaos.as_ref().unwrap().set_faults(Faults::parse(text).unwrap());
    }

    /// Inserts entries with these numbers; the codes of the details, if there are any.
    async fn insert(&mut self, numbers: std::ops::Range<u16>) -> Result<(), (Code, Vec<Code>)> {
        let updates = numbers.map(|n| Update {
            r#type: update::Type::Insert as i32,
            entity: Some(Entity { entity: Some(entity::Entity::TableEntry(gateway(n).to_p4())) }),
        });
        let request =
            WriteRequest { device_id: 1, election_id: ID, updates: updates.collect(), ..Default::default() };
        let Err(status) = self.client.write(request).await else { return Ok(()) };
        let details = rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
        let code = |any: prost_types::Any| {
            Code::from_i32(p4runtime::v1::Error::decode(any.value.as_slice()).unwrap().canonical_code)
        };
        Err((status.code(), details.into_iter().map(code).collect()))
    }

    /// Which of them the switch has.
    async fn present(&self, numbers: std::ops::Range<u16>) -> Vec<u16> {
        let keys: Vec<EntryKey> = numbers.clone().map(|n| gateway(n).key()).collect();
        let found = self.network.switches[0].reader.entries(&keys).await.unwrap();
        numbers.filter(|n| found.contains_key(&gateway(*n).key())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_wrong_as_told() {
    let mut bench = Bench::start().await;
    bench.insert(0..5).await.unwrap();
    assert_eq!(bench.present(0..5).await.len(), 5);

    bench.faults("write:refuse=1");
    assert_eq!(bench.insert(10..15).await, Err((Code::Unavailable, vec![])));
    assert!(bench.present(10..15).await.is_empty());

    for (fault, code) in [("lose", Code::Unavailable), ("exhaust", Code::ResourceExhausted)] {
        bench.faults("");
        let first = if fault == "lose" { 20 } else { 30 };
        bench.faults(&format!("write:{fault}=1"));
        assert_eq!(bench.insert(first..first + 5).await, Err((code, vec![])));
        assert_eq!(bench.present(first..first + 5).await.len(), 5, "{fault}");
    }

    bench.faults("write:half=1");
    let (code, details) = bench.insert(100..200).await.unwrap_err();
    let written = bench.present(100..200).await;
    assert!((20..80).contains(&written.len()), "{}", written.len());
    let told: Vec<u16> =
        (100..).zip(&details).filter(|(_, code)| **code == Code::Ok).map(|(number, _)| number).collect();
    assert_eq!((code, details.len(), told), (Code::Unknown, 100, written));

    bench.faults("write:break=1");
    assert_eq!(bench.insert(200..300).await, Err((Code::Unknown, vec![])));
    assert!((20..80).contains(&bench.present(200..300).await.len()));

    bench.faults("write:shuffle=1");
    // The first fifty are there already.
    let (_, details) = bench.insert(0..10).await.unwrap_err();
    let there: Vec<bool> = details.iter().map(|code| *code == Code::AlreadyExists).collect();
    assert_eq!(there, [vec![true; 5], vec![false; 5]].concat());

    bench.faults("write:duplicate=1");
    let mut heard = Vec::new();
    for n in 400..440 {
        heard.push(bench.insert(n..n + 1).await.is_ok());
    }
    assert!(heard.contains(&true) && heard.contains(&false), "one of two answers");
    assert_eq!(bench.present(400..440).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_write_outlives_its_controller() {
    let mut bench = Bench::start().await;
    bench.faults("write:delay=1");
    let gone = timeout(Duration::from_millis(1), bench.insert(0..5)).await;
    assert!(gone.is_err() || bench.present(0..5).await.len() == 5);
    eventually("the write", async || (bench.present(0..5).await.len() == 5).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_break_off_and_come_in_any_order() {
    let mut bench = Bench::start().await;
    bench.insert(0..500).await.unwrap();
    let address = bench.network.switches[0].chaos.as_ref().unwrap().address;
    let reader = Reader::new(address, 1).unwrap();
    bench.faults("read:shuffle=1");
    assert_eq!(reader.tables().await.unwrap(), bench.network.switches[0].reader.tables().await.unwrap());
    bench.faults("read:break=1");
    assert_eq!(reader.tables().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_and_connections_are_cut() {
    let mut bench = Bench::start().await;
    bench.network.switches[0].chaos.as_ref().unwrap().cut();
    let lost = timeout(Duration::from_secs(10), bench.stream.message()).await.expect("the stream goes on");
    assert!(lost.is_err(), "{lost:?}");

    bench.faults("stream:end=1");
    // The switch has seen the first stream end before it takes its ID from another.
    let mut client = bench.client.clone();
    let (mut stream, _requests) =
        eventually("a new stream", async || open(&mut client.clone()).await.ok()).await.unwrap();
    let ended = timeout(Duration::from_secs(10), stream.message()).await.expect("the stream goes on");
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);

    bench.faults("stream:refuse=1");
    assert_eq!(open(&mut client).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trapped_request_waits_until_it_is_let_go() {
    let mut bench = Bench::start().await;
    for (phase, first) in [(Phase::Arrived, 0), (Phase::Answered, 10)] {
        let trap = bench.network.switches[0].chaos.as_ref().unwrap().trap(Rpc::Write, phase, 0);
        let reader = bench.network.switches[0].reader.clone();
        let (written, there) = tokio::join!(bench.insert(first..first + 1), async {
            let held = trap.await.unwrap();
            let there = reader.entries(&[gateway(first).key()]).await.unwrap().len();
            drop(held);
            there
        });
        written.unwrap();
        assert_eq!(there, usize::from(phase == Phase::Answered));
        assert_eq!(bench.present(first..first + 1).await.len(), 1);
    }
}
