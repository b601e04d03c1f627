use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mimiq_switch::server::Server;
use p4runtime::v1::{
    CapabilitiesRequest, CapabilitiesResponse, GetForwardingPipelineConfigRequest, GetForwardingPipelineConfigResponse,
    ReadRequest, SetForwardingPipelineConfigRequest, SetForwardingPipelineConfigResponse, StreamMessageRequest,
    WriteRequest, WriteResponse, p4_runtime_server::P4Runtime,
};
use tonic::{Request, Response, Status, Streaming};

/// The software switch's server, which can forget to say what became of a write, as gRPC does when the errors of many
/// updates do not fit the trailer.
#[derive(Clone)]
pub struct Forgetful {
    pub server: Server,
    forgets: Arc<AtomicBool>,
}

impl Forgetful {
    pub fn new(server: Server) -> Self {
        Self { server, forgets: Arc::default() }
    }

    /// Carries the next write out and says RESOURCE_EXHAUSTED.
    pub fn forget_next_write(&self) {
        self.forgets.store(true, Ordering::SeqCst);
    }

    /// Whether that write is still to come.
    pub fn will_forget(&self) -> bool {
        self.forgets.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl P4Runtime for Forgetful {
    type ReadStream = <Server as P4Runtime>::ReadStream;
    type StreamChannelStream = <Server as P4Runtime>::StreamChannelStream;

    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let written = self.server.write(request).await;
        if self.forgets.swap(false, Ordering::SeqCst) {
            return Err(Status::resource_exhausted("received trailing metadata size exceeds limit"));
        }
        written
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        self.server.read(request).await
    }

    async fn set_forwarding_pipeline_config(
        &self,
        request: Request<SetForwardingPipelineConfigRequest>,
    ) -> Result<Response<SetForwardingPipelineConfigResponse>, Status> {
        self.server.set_forwarding_pipeline_config(request).await
    }

    async fn get_forwarding_pipeline_config(
        &self,
        request: Request<GetForwardingPipelineConfigRequest>,
    ) -> Result<Response<GetForwardingPipelineConfigResponse>, Status> {
        self.server.get_forwarding_pipeline_config(request).await
    }

    async fn stream_channel(
        &self,
        request: Request<Streaming<StreamMessageRequest>>,
    ) -> Result<Response<Self::StreamChannelStream>, Status> {
        self.server.stream_channel(request).await
    }

    async fn capabilities(
        &self,
        request: Request<CapabilitiesRequest>,
    ) -> Result<Response<CapabilitiesResponse>, Status> {
        self.server.capabilities(request).await
    }
}
