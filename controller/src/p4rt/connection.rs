mod lost;
mod meter;
mod pipeline;
mod read;
mod reader;
mod write;

use std::{sync::Arc, time::Duration};

use p4runtime::{
    BytesClient,
    v1::{
        MasterArbitrationUpdate, StreamMessageRequest, StreamMessageResponse, Uint128,
        p4_runtime_client::P4RuntimeClient, stream_message_request, stream_message_response,
    },
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Streaming,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

pub use lost::Lost;
use lost::{call, not_arbitrated, puzzling};
pub use reader::{ReadError, Reader};
pub use write::{Outcome, Writer};

/// How long connecting and each call may take.
const CALL: Duration = Duration::from_secs(5);
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
    /// `http://HOST:PORT`, or `https://HOST:PORT` with `tls`.
    pub uri: String,
    /// For a switch that is reached over TLS.
    pub tls: Option<ClientTlsConfig>,
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

/// A connection to a switch on which this controller is primary and the contract's pipeline runs.
pub struct Connection {
    target: Target,
    writer: Writer,
    client: P4RuntimeClient<Channel>,
    /// For what comes in great numbers.
    bytes: BytesClient,
    stream: Streaming<StreamMessageResponse>,
    /// The stream lives as long as its request side.
    _requests: mpsc::Sender<StreamMessageRequest>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("target", &self.target.name).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, becomes primary, and sets the pipeline unless it is there. `earlier` counts the connections that were
    /// lost before: a switch that has not noticed yet would refuse the ID of a stream that it takes for alive.
    ///
    /// # Errors
    /// Whatever is in the way; it may be gone the next time.
    pub async fn open(target: Target, earlier: u64) -> Result<Self, Lost> {
        let mut endpoint = Endpoint::from_shared(target.uri.clone())?;
        if let Some(tls) = &target.tls {
            endpoint = endpoint.tls_config(tls.clone())?;
        }
        let channel = endpoint
            .connect_timeout(CALL)
            .tcp_keepalive(Some(IDLE))
            .tcp_keepalive_interval(Some(PROBE.0))
            .tcp_keepalive_retries(Some(PROBE.1))
            .http2_max_header_list_size(MAX_HEADERS)
            .tcp_nodelay(true)
            .connect()
            .await?;
        let bytes = BytesClient::new(channel.clone(), MAX_READ);
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
        let writer = Writer::new(target.device_id, election_id, bytes.clone());
        let mut connection = Self { target, writer, client, bytes, stream, _requests: requests };
        timeout(CALL, connection.arbitrated()).await.map_err(|_| Lost::Timeout("arbitration"))??;
        connection.set_pipeline().await?;
        Ok(connection)
    }

    /// A way to write on this connection.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
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
    pub async fn lost(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.arbitrated().await {
                return lost;
            }
        }
    }
}
