//! P4Runtime over gRPC on loopback: what controllers see.

use std::time::Duration;

use mimiq_switch::{
    MAX_ITEMS,
    server::{API_VERSION, Server},
};
use p4runtime::{
    rpc,
    v1::{
        self, CapabilitiesRequest, Entity, GetForwardingPipelineConfigRequest, MasterArbitrationUpdate, PacketOut,
        ReadRequest, Role, StreamMessageRequest, TableEntry, Uint128, entity,
        get_forwarding_pipeline_config_request::ResponseType, p4_runtime_client::P4RuntimeClient,
        set_forwarding_pipeline_config_request::Action, stream_message_request, stream_message_response, update::Type,
    },
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::common::{DEVICE, client, contract, rig, set_config, update, write};

type Client = P4RuntimeClient<Channel>;

async fn start() -> (Server, Client) {
    let server = Server::new(rig(None).device);
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = server.service();
    tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    (server, Client::connect(format!("http://{address}")).await.unwrap())
}

struct Controller {
    out: mpsc::Sender<StreamMessageRequest>,
    inbound: Streaming<v1::StreamMessageResponse>,
}

impl Controller {
    async fn connect(client: &Client) -> Self {
        let (out, receiver) = mpsc::channel(8);
        let inbound = client.clone().stream_channel(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { out, inbound }
    }

    async fn arbitrate(&self, device_id: u64, role: &str, id: Option<u64>) {
        let update = MasterArbitrationUpdate {
            device_id,
            role: (!role.is_empty()).then(|| Role { name: role.into(), ..Role::default() }),
            election_id: id.map(|low| Uint128 { high: 0, low }),
            status: None,
        };
        self.send(stream_message_request::Update::Arbitration(update)).await;
    }

    async fn send(&self, update: stream_message_request::Update) {
        self.out.send(StreamMessageRequest { update: Some(update) }).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<stream_message_response::Update>, Status> {
        let message = tokio::time::timeout(Duration::from_secs(10), self.inbound.message()).await.unwrap()?;
        Ok(message.and_then(|m| m.update))
    }

    /// The code and the election ID of the next notice.
    async fn notice(&mut self) -> (Code, Option<u64>) {
        match self.next().await.unwrap().unwrap() {
            stream_message_response::Update::Arbitration(update) => {
                (Code::from_i32(update.status.unwrap().code), update.election_id.map(|id| id.low))
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn primary(client: &Client) -> Controller {
    let mut controller = Controller::connect(client).await;
    controller.arbitrate(DEVICE, "", Some(1)).await;
    assert_eq!(controller.notice().await, (Code::Ok, Some(1)));
    controller
}

#[tokio::test]
async fn failover_needs_a_claim_and_fences_the_old_primary() {
    let (_, mut client) = start().await;
    let mut first = primary(&client).await;
    client.set_forwarding_pipeline_config(set_config(Action::VerifyAndCommit, Some(contract()))).await.unwrap();
    let mut backup = Controller::connect(&client).await;
    backup.arbitrate(DEVICE, "", None).await;
    assert_eq!(backup.notice().await, (Code::AlreadyExists, Some(1)));
    let mut second = Controller::connect(&client).await;
    second.arbitrate(DEVICE, "", Some(2)).await;
    assert_eq!(second.notice().await, (Code::Ok, Some(2)));
    assert_eq!(first.notice().await, (Code::AlreadyExists, Some(2)));
    assert_eq!(backup.notice().await, (Code::AlreadyExists, Some(2)));
    let stale = client.write(write(vec![update(Type::Insert, client_entry(1))])).await.unwrap_err();
    assert_eq!((stale.code(), stale.details().len()), (Code::PermissionDenied, 0));
    drop(second);
    assert_eq!(first.notice().await, (Code::NotFound, Some(2)));
    assert_eq!(backup.notice().await, (Code::NotFound, Some(2)));
    let still_fenced = client.write(write(Vec::new())).await.unwrap_err();
    assert_eq!(still_fenced.code(), Code::PermissionDenied);
    first.arbitrate(DEVICE, "", Some(3)).await;
    assert_eq!(backup.notice().await, (Code::AlreadyExists, Some(3)));
    assert_eq!(first.notice().await, (Code::Ok, Some(3)));
}

fn client_entry(n: u128) -> TableEntry {
    client(n, 1).to_p4()
}

#[tokio::test]
async fn bad_arbitration_closes_the_stream() {
    let (_, client) = start().await;
    let _first = primary(&client).await;
    for (device, role, id, again, code) in [
        (DEVICE + 1, "", Some(5), None, Code::NotFound),
        (DEVICE, "", Some(1), None, Code::InvalidArgument),
        (DEVICE, "", None, Some("other"), Code::FailedPrecondition),
    ] {
        let mut controller = Controller::connect(&client).await;
        controller.arbitrate(device, role, id).await;
        if let Some(role) = again {
            controller.notice().await;
            controller.arbitrate(device, role, id).await;
        }
        assert_eq!(controller.next().await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn roles_have_primaries_of_their_own() {
    let (_, mut client) = start().await;
    let _default = primary(&client).await;
    let mut sdn = Controller::connect(&client).await;
    sdn.arbitrate(DEVICE, "sdn", Some(1)).await;
    assert_eq!(sdn.notice().await, (Code::Ok, Some(1)));
    let mut request = set_config(Action::VerifyAndCommit, Some(contract()));
    request.role = "sdn".into();
    client.set_forwarding_pipeline_config(request).await.unwrap();
    let mut request = write(vec![update(Type::Insert, client_entry(1))]);
    client.write(request.clone()).await.unwrap();
    request.role = "sdn".into();
    request.updates = vec![update(Type::Delete, client_entry(1))];
    client.write(request).await.unwrap();
}

#[tokio::test]
async fn packet_out_is_answered_with_a_stream_error() {
    let (_, client) = start().await;
    let mut controller = primary(&client).await;
    controller.send(stream_message_request::Update::Packet(PacketOut::default())).await;
    match controller.next().await.unwrap().unwrap() {
        stream_message_response::Update::Error(error) => assert_eq!(error.canonical_code, Code::Unimplemented as i32),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failed_batch_says_which_updates_failed() {
    let (_, mut client) = start().await;
    let _primary = primary(&client).await;
    client.set_forwarding_pipeline_config(set_config(Action::VerifyAndCommit, Some(contract()))).await.unwrap();
    let batch = vec![
        update(Type::Insert, client_entry(1)),
        update(Type::Insert, client_entry(1)),
        update(Type::Delete, client_entry(2)),
    ];
    let status = client.write(write(batch)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    let details = rpc::Status::decode(status.details()).unwrap();
    assert_eq!((details.code, details.message.as_str()), (Code::Unknown as i32, status.message()));
    let errors: Vec<_> = details.details.iter().map(|any| v1::Error::decode(any.value.as_slice()).unwrap()).collect();
    assert_eq!(errors.iter().map(|e| e.canonical_code).collect::<Vec<_>>(), [0, 6, 5]);
    // A trailer that gRPC clients refuse would hide even that the batch was tried.
    let status = client.write(write(vec![update(Type::Delete, client_entry(9)); 10_000])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.message().contains("10000 of 10000 failed"), "{}", status.message());
}

fn read_all() -> ReadRequest {
    let all = Entity { entity: Some(entity::Entity::TableEntry(TableEntry::default())) };
    ReadRequest { device_id: DEVICE, entities: vec![all], ..Default::default() }
}

async fn entries(client: &Client) -> usize {
    let mut stream = client.clone().read(read_all()).await.unwrap().into_inner();
    let mut count = 0;
    while let Some(message) = stream.message().await.unwrap() {
        count += message.entities.len();
    }
    count
}

#[tokio::test]
async fn pipeline_configuration_life_cycle() {
    let (_, mut client) = start().await;
    let _primary = primary(&client).await;
    let get = |response_type| GetForwardingPipelineConfigRequest { device_id: DEVICE, response_type };
    assert_eq!(client.get_forwarding_pipeline_config(get(0)).await.unwrap().into_inner().config, None);
    assert_eq!(client.read(read_all()).await.unwrap_err().code(), Code::FailedPrecondition);
    let set = |action, with_info: bool| {
        let mut request = set_config(action, with_info.then(contract));
        if let Some(config) = &mut request.config {
            config.cookie = Some(v1::forwarding_pipeline_config::Cookie { cookie: 77 });
            config.p4_device_config = vec![1, 2, 3];
        }
        request
    };
    let mut code = async |request| match client.set_forwarding_pipeline_config(request).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    };
    assert_eq!(code(set(Action::Commit, false)).await, Code::NotFound);
    assert_eq!(code(set(Action::Verify, true)).await, Code::Ok);
    assert_eq!(code(set(Action::Verify, false)).await, Code::InvalidArgument);
    assert_eq!(code(set(Action::Unspecified, true)).await, Code::InvalidArgument);
    assert_eq!(code(set(Action::VerifyAndSave, true)).await, Code::Ok);
    assert_eq!(code(set(Action::Commit, true)).await, Code::InvalidArgument);
    assert_eq!(code(set(Action::Commit, false)).await, Code::Ok);
    assert_eq!(code(set(Action::Commit, false)).await, Code::NotFound, "committed already");
    for (kind, info, device) in [
        (ResponseType::All, true, true),
        (ResponseType::CookieOnly, false, false),
        (ResponseType::P4infoAndCookie, true, false),
        (ResponseType::DeviceConfigAndCookie, false, true),
    ] {
        let config =
            client.get_forwarding_pipeline_config(get(kind as i32)).await.unwrap().into_inner().config.unwrap();
        assert_eq!(config.cookie.unwrap().cookie, 77);
        assert_eq!((config.p4info.is_some(), !config.p4_device_config.is_empty()), (info, device), "{kind:?}");
        assert!(config.p4info.is_none_or(|info| info == contract()));
    }
    client.write(write(vec![update(Type::Insert, client_entry(1))])).await.unwrap();
    assert_eq!(entries(&client).await, 1);
    let reconcile = set(Action::ReconcileAndCommit, true);
    client.set_forwarding_pipeline_config(reconcile).await.unwrap();
    let mut wrong = set(Action::VerifyAndCommit, true);
    let tables = &mut wrong.config.as_mut().unwrap().p4info.as_mut().unwrap().tables;
    let clients = tables.iter_mut().find(|t| t.preamble.as_ref().unwrap().alias == "client_v6");
    clients.unwrap().match_fields[0].bitwidth = 64;
    let status = client.set_forwarding_pipeline_config(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    for text in ["client_v6", "dst_addr", "bitwidth", "64", "128"] {
        assert!(status.message().contains(text), "{text}: {}", status.message());
    }
    assert_eq!(entries(&client).await, 1, "reconciliation and refusal keep the entries");
    client.set_forwarding_pipeline_config(set(Action::VerifyAndCommit, true)).await.unwrap();
    assert_eq!(entries(&client).await, 0, "VERIFY_AND_COMMIT clears");
}

#[tokio::test]
async fn capabilities_and_limits() {
    let (server, mut client) = start().await;
    let version = client.capabilities(CapabilitiesRequest { device_id: DEVICE }).await.unwrap().into_inner();
    assert_eq!(version.p4runtime_api_version, API_VERSION);
    let other = client.capabilities(CapabilitiesRequest { device_id: 1 }).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound);
    let mut huge = write(Vec::new());
    huge.role = "x".repeat(5 << 20);
    assert_eq!(client.write(huge).await.unwrap_err().code(), Code::OutOfRange, "tonic refuses it before decoding");
    let many = client.write(write(vec![Default::default(); MAX_ITEMS + 1])).await.unwrap_err();
    assert_eq!((many.code(), many.message().contains("updates: 20001")), (Code::InvalidArgument, true));
    let mut controller = primary(&client).await;
    server.close_streams();
    assert_eq!(controller.next().await.unwrap(), None, "the stream ends in good order");
}
