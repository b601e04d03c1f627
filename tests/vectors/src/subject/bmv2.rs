use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use mimiq_contract::PortId;
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use self::interface::{PacketStreamRequest, dataplane_interface_client::DataplaneInterfaceClient};
use super::{BATCH, Drops, Hits, PortFrame, Sent, Subject, child::Child, p4rt::P4Rt};
use crate::{entry::State, file::Meter};

/// `p4.bm`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod interface {
    tonic::include_proto!("p4.bm");
}

const PROGRAM: &str = "simple_switch_grpc";
const DEVICE: u64 = 1;
/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// BMv2 with the compiled P4 program.
pub struct Bmv2 {
    dataplane: DataplaneInterfaceClient<Channel>,
    p4rt: P4Rt,
    // The connections' tasks run here; process and directory go after it.
    runtime: Runtime,
    child: Child,
    _directory: TempDir,
}

/// Where BMv2 is, if it is installed.
fn find() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(PROGRAM)).find(|path| path.is_file())
}

impl Bmv2 {
    /// Starts BMv2; `None` where it is not installed.
    ///
    /// # Errors
    /// If the compiled program is missing, or BMv2 does not start or refuses it.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = find() else { return Ok(None) };
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../p4/mimiq.json");
        let compiled = fs::read(&compiled).with_context(|| compiled.display().to_string())?;
        // Sockets in a directory of its own, so that no port of the machine is needed.
        let directory = tempfile::tempdir()?;
        let [p4rt, dataplane] =
            ["p4rt", "dataplane"].map(|name| format!("unix:{}", directory.path().join(name).display()));
        let notifications = format!("ipc://{}", directory.path().join("notifications").display());
        let general = ["--no-p4", "--device-id", "1", "--thrift-port", "0", "--notifications-addr", &notifications];
        let own = ["--", "--grpc-server-addr", &p4rt, "--dp-grpc-server-addr", &dataplane];
        let arguments = [&general[..], &own].concat();
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        // It prints into a pipe only when the C library's buffer is full.
        let program = [OsStr::new("-oL"), program.as_os_str()];
        let mut child = Child::start(OsStr::new("stdbuf"), &[&program[..], &arguments].concat())?;
        child.await_line("Server listening on").context(PROGRAM)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (p4rt, dataplane) = runtime.block_on(async {
            let channel = Endpoint::from_shared(dataplane)?.connect().await?;
            let p4rt = P4Rt::open(&p4rt, DEVICE, compiled).await?;
            anyhow::Ok((p4rt, DataplaneInterfaceClient::new(channel)))
        })?;
        Ok(Some(Self { dataplane, p4rt, runtime, child, _directory: directory }))
    }
}

/// Puts frames in and returns what comes out before BMv2 ends the stream: it does so when no packet is left in it.
async fn exchange(dataplane: &mut DataplaneInterfaceClient<Channel>, frames: &[PortFrame]) -> Result<Vec<Sent>> {
    let request = |(index, (PortId(port), packet)): (usize, &PortFrame)| PacketStreamRequest {
        id: index as u64 + 1,
        device_id: DEVICE,
        port: u32::from(*port),
        packet: packet.clone(),
    };
    let requests: Vec<_> = frames.iter().enumerate().map(request).collect();
    let mut responses = loop {
        match dataplane.packet_stream(tokio_stream::iter(requests.clone())).await {
            Ok(responses) => break responses.into_inner(),
            // The packet side starts a moment after P4Runtime, and takes one stream at a time.
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {}
            Err(status) => return Err(status.into()),
        }
    };
    let mut sent = Vec::new();
    while let Some(response) = responses.message().await? {
        let port = PortId(u16::try_from(response.port)?);
        let of = usize::try_from(response.id)?.checked_sub(1);
        sent.push(Sent { port, frame: response.packet, of });
    }
    Ok(sent)
}

impl Subject for Bmv2 {
    fn name(&self) -> String {
        "bmv2".into()
    }

    fn set(&mut self, state: &State, meter: Option<Meter>) -> Result<()> {
        self.runtime.block_on(self.p4rt.set(state, meter)).with_context(|| self.child.last())
    }

    fn obstacle(&self, frame: &[u8]) -> Option<String> {
        frame.is_empty().then(|| "is empty: BMv2's packet interface ignores it".into())
    }

    fn run(&mut self, frames: &[PortFrame]) -> Result<Vec<Sent>> {
        ensure!(frames.len() <= BATCH, "{} frames at once are more than BMv2's queues hold", frames.len());
        let result = self.runtime.block_on(async { timeout(PATIENCE, exchange(&mut self.dataplane, frames)).await });
        result.context("BMv2 does not end a batch").and_then(|r| r).with_context(|| self.child.last())
    }

    fn drops(&mut self) -> Result<Drops> {
        self.runtime.block_on(self.p4rt.drops())
    }

    fn hits(&mut self) -> Result<Hits> {
        self.runtime.block_on(self.p4rt.hits())
    }
}
