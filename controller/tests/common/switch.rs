use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
};

use mimiq_contract::{
    Entry, EntryKey, P4INFO_TEXT, TableSchema as _,
    tables::{SourceGuardV6, SwitchInfo},
};
use mimiq_pipeline::DropCounters;
use mimiq_switch::{Device, pipeline_config::PipelineConfig, server::Server, tables};
use p4runtime::v1::{
    Entity, MasterArbitrationUpdate, ReadRequest, StreamMessageRequest, TableEntry, Uint128, Update, WriteRequest,
    entity, p4_runtime_client::P4RuntimeClient, stream_message_request, stream_message_response, update,
};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;

/// The software switch's P4Runtime server, in a runtime of its own so that it can die like a process.
pub struct Switch {
    pub device_id: u64,
    pub address: SocketAddr,
    guards: Option<i64>,
    running: Option<(Runtime, Server)>,
}

impl Switch {
    pub fn start(device_id: u64) -> Self {
        Self::start_with(device_id, None)
    }

    /// With room for so many entries in `source_guard_v6`, and no word about it.
    pub fn start_with(device_id: u64, guards: Option<i64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { device_id, address, guards, running: Some(serve(device_id, guards, listener)) }
    }

    /// Ends it at once; connections break and entries are lost.
    pub fn kill(&mut self) {
        if let Some((runtime, _)) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts it again, empty, at the same address.
    pub async fn revive(&mut self) {
        assert!(self.running.is_none(), "is running");
        // The old listener goes when its runtime has ended.
        let listener = super::eventually("address free", || async { TcpListener::bind(self.address) }, |l| l.is_ok());
        self.running = Some(serve(self.device_id, self.guards, listener.await.unwrap()));
    }

    pub fn server(&self) -> &Server {
        &self.running.as_ref().expect("is dead").1
    }

    /// All its entries, read as a controller would; `None` if it is away or has no pipeline yet.
    pub async fn try_entries(&self) -> Option<HashMap<EntryKey, Entry>> {
        let mut client = P4RuntimeClient::connect(format!("http://{}", self.address)).await.ok()?;
        let table =
            |id: u32| TableEntry { table_id: id, is_default_action: id == SwitchInfo::ID, ..Default::default() };
        let entity = |entry| Entity { entity: Some(entity::Entity::TableEntry(entry)) };
        let entities = Entry::TABLES.iter().map(|(id, _)| entity(table(*id))).collect();
        let request = ReadRequest { device_id: self.device_id, entities, ..Default::default() };
        let mut responses = client.read(request).await.ok()?.into_inner();
        let mut entries = HashMap::new();
        while let Some(response) = responses.message().await.ok()? {
            for entity in response.entities {
                let Some(entity::Entity::TableEntry(entry)) = entity.entity else { panic!("no table entry") };
                if let Ok(entry) = Entry::from_p4(&entry) {
                    entries.insert(entry.key(), entry);
                }
            }
        }
        Some(entries)
    }

    /// Does nothing until the returned sender is used or dropped.
    pub async fn hold(&self) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (held, holding) = tokio::sync::oneshot::channel();
        let server = self.server().clone();
        // Both ends of the wait are the test's to break off.
        tokio::spawn(async move { server.with_device(move |_| (held.send(()), released.recv())).await.map(drop) });
        holding.await.unwrap();
        release
    }

    /// Writes as the present primary would.
    pub async fn meddle(&self, updates: Vec<(update::Type, TableEntry)>) {
        let mut client = P4RuntimeClient::connect(format!("http://{}", self.address)).await.unwrap();
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
        let update = |(kind, entry): (update::Type, TableEntry)| Update {
            r#type: kind as i32,
            entity: Some(Entity { entity: Some(entity::Entity::TableEntry(entry)) }),
        };
        let updates = updates.into_iter().map(update).collect();
        let (device_id, election_id) = (self.device_id, answer.election_id);
        client.write(WriteRequest { device_id, election_id, updates, ..Default::default() }).await.unwrap();
    }

    pub async fn entries(&self) -> HashMap<EntryKey, Entry> {
        self.try_entries().await.expect("the switch answers")
    }
}

fn serve(device_id: u64, guards: Option<i64>, listener: TcpListener) -> (Runtime, Server) {
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT).unwrap();
    let mut actual = contract.clone();
    for table in &mut actual.tables {
        if table.preamble.as_ref().unwrap().id == SourceGuardV6::ID {
            table.size = guards.unwrap_or(table.size);
        }
    }
    let (writer, _) = mimiq_pipeline::tables(&tables::sizes(&actual));
    let tables = tables::Tables::new(writer, Arc::new(DropCounters::default()), &contract);
    let server = Server::new(Device::new(device_id, PipelineConfig::new(contract), tables));
    let service = server.service();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.spawn(async move {
        let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    (runtime, server)
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.kill();
    }
}
