use std::{
    net::TcpListener,
    ops::Deref,
    sync::{Arc, mpsc},
};

use mimiq_contract::{P4INFO_TEXT, TableSchema as _, tables::SourceGuardV6};
use mimiq_pipeline::DropCounters;
use mimiq_switch::{Device, pipeline_config::PipelineConfig, server::Server, tables};
use p4runtime::v1::p4_runtime_server::P4RuntimeServer;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;

use super::{forgetful::Forgetful, p4::P4};

/// The software switch's P4Runtime server, in a runtime of its own so that it can die like a process.
pub struct Switch {
    p4: P4,
    guards: Option<i64>,
    running: Option<(Runtime, Forgetful)>,
}

impl Switch {
    pub fn start(device_id: u64) -> Self {
        Self::start_with(device_id, None)
    }

    /// With room for so many entries in `source_guard_v6`, and no word about it.
    pub fn start_with(device_id: u64, guards: Option<i64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { p4: P4 { address, device_id }, guards, running: Some(serve(device_id, guards, listener)) }
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
        &self.forgetful().server
    }

    pub fn forgetful(&self) -> &Forgetful {
        &self.running.as_ref().expect("is dead").1
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
}

impl Deref for Switch {
    type Target = P4;

    fn deref(&self) -> &P4 {
        &self.p4
    }
}

fn serve(device_id: u64, guards: Option<i64>, listener: TcpListener) -> (Runtime, Forgetful) {
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT).unwrap();
    let mut actual = contract.clone();
    for table in &mut actual.tables {
        if table.preamble.as_ref().unwrap().id == SourceGuardV6::ID {
            table.size = guards.unwrap_or(table.size);
        }
    }
    let (writer, _) = mimiq_pipeline::tables(&tables::sizes(&actual));
    let tables = tables::Tables::new(writer, Arc::new(DropCounters::default()), &contract);
    let server = Forgetful::new(Server::new(Device::new(device_id, PipelineConfig::new(contract), tables)));
    let service = P4RuntimeServer::new(server.clone());
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
