//! The calls: unpacks requests, takes the lock off the asynchronous threads, packs answers.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::metrics::counter;
use p4runtime::v1::{
    CapabilitiesRequest, CapabilitiesResponse, GetForwardingPipelineConfigRequest, GetForwardingPipelineConfigResponse,
    ReadRequest, ReadResponse, SetForwardingPipelineConfigRequest, SetForwardingPipelineConfigResponse,
    StreamMessageRequest, StreamMessageResponse, WriteRequest, WriteResponse, p4_runtime_server::P4Runtime,
};
use tokio::task::spawn_blocking;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Code, Request, Response, Status, Streaming};
use tracing::debug;

use crate::{
    batch_status,
    device::Device,
    metrics::WRITES,
    outcome::Outcome,
    request::{Write, check_items},
    service::Service,
    stream::Shared,
};

/// The version of the specification that the messages are from.
pub const API_VERSION: &str = "1.4.1";

/// Largest request, bytes. Decoding takes up to some 200 times as much memory: each two bytes may be an empty entity.
pub const MAX_REQUEST: usize = 2 << 20;

/// The P4Runtime service of one device; clones share it.
#[derive(Clone)]
pub struct Server(Arc<Mutex<Shared>>);

impl Server {
    /// Serves this device.
    pub fn new(device: Device) -> Self {
        Self(Arc::new(Mutex::new(Shared::new(device))))
    }

    /// The service, for a tonic server.
    pub fn service(&self) -> Service {
        Service::new(self.clone())
    }

    /// Ends all StreamChannels, which otherwise would keep a server from shutting down.
    pub fn close_streams(&self) {
        self.lock().close_all();
    }

    /// Runs `f` on the device, on a thread that may wait for its lock.
    ///
    /// # Errors
    /// INTERNAL if `f` panicked.
    pub async fn with_device<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Device) -> T + Send + 'static,
    ) -> Result<T, Status> {
        self.with(move |shared| f(&mut shared.device)).await
    }

    async fn with<T: Send + 'static>(&self, f: impl FnOnce(&mut Shared) -> T + Send + 'static) -> Result<T, Status> {
        let server = self.clone();
        spawn_blocking(move || f(&mut server.lock())).await.map_err(|e| Status::internal(e.to_string()))
    }

    /// Carries a Write out: at once, as handing it to another thread costs more than a small one itself, unless the device
    /// is busy with something longer.
    pub(crate) async fn carry_out(&self, write: Write) -> Result<(), Status> {
        let count = write.operations.len() as u64;
        let free = match self.0.try_lock() {
            Ok(mut shared) => Ok(shared.device.write(write)),
            Err(_) => Err(write),
        };
        let results = match free {
            Ok(results) => results,
            Err(write) => self.with_device(move |device| device.write(write)).await.and_then(|results| results),
        };
        let results = results.inspect_err(|status| count_writes(status.code(), count))?;
        let failures = results.iter().filter_map(|result| result.as_ref().err());
        let failed = failures.inspect(|error| count_writes(error.code, 1)).count() as u64;
        count_writes(Code::Ok, count - failed);
        batch_status(&results).map_or(Ok(()), Err).inspect_err(|status| {
            debug!(message = status.message(), "write failed");
        })
    }

    /// What a Read finds, and what went wrong.
    pub(crate) async fn find(&self, request: ReadRequest) -> Result<(Outcome, Option<Status>), Status> {
        check_items("entities", request.entities.len())?;
        let outcome = self.with_device(move |device| device.read(&request)).await??;
        let failure = batch_status(&outcome.results);
        Ok((outcome, failure))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve_stream(self, stream: crate::arbitration::StreamId, mut inbound: Streaming<StreamMessageRequest>) {
        while let Ok(Some(request)) = inbound.message().await {
            match self.with(move |shared| shared.receive(stream, request)).await {
                Ok(true) => {}
                _ => break,
            }
        }
        // Fails only when the runtime shuts down, and then there is nobody to tell.
        let _ = self.with(move |shared| shared.close(stream)).await;
    }
}

#[tonic::async_trait]
impl P4Runtime for Server {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResponse, Status>> + Send>>;
    type StreamChannelStream = ReceiverStream<Result<StreamMessageResponse, Status>>;

    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let request = request.into_inner();
        check_items("updates", request.updates.len())?;
        self.carry_out(Write::from(&request)).await?;
        Ok(Response::new(WriteResponse {}))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let (outcome, failure) = self.find(request.into_inner()).await?;
        let messages = outcome.into_messages().map(Ok).chain(failure.map(Err));
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn set_forwarding_pipeline_config(
        &self,
        request: Request<SetForwardingPipelineConfigRequest>,
    ) -> Result<Response<SetForwardingPipelineConfigResponse>, Status> {
        let request = request.into_inner();
        self.with_device(move |device| device.set_config(request)).await.and_then(|r| r)?;
        Ok(Response::new(SetForwardingPipelineConfigResponse {}))
    }

    async fn get_forwarding_pipeline_config(
        &self,
        request: Request<GetForwardingPipelineConfigRequest>,
    ) -> Result<Response<GetForwardingPipelineConfigResponse>, Status> {
        let request = request.into_inner();
        let config = self.with_device(move |d| d.config(request.device_id, request.response_type)).await??;
        Ok(Response::new(GetForwardingPipelineConfigResponse { config }))
    }

    async fn stream_channel(
        &self,
        request: Request<Streaming<StreamMessageRequest>>,
    ) -> Result<Response<Self::StreamChannelStream>, Status> {
        let (stream, receiver) = self.with(Shared::open).await?;
        tokio::spawn(self.clone().serve_stream(stream, request.into_inner()));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn capabilities(
        &self,
        request: Request<CapabilitiesRequest>,
    ) -> Result<Response<CapabilitiesResponse>, Status> {
        let device_id = request.into_inner().device_id;
        if device_id != 0 {
            self.with_device(move |device| device.check_id(device_id)).await??;
        }
        Ok(Response::new(CapabilitiesResponse { p4runtime_api_version: API_VERSION.into(), experimental: None }))
    }
}

fn count_writes(code: Code, updates: u64) {
    if updates > 0 {
        counter!(WRITES, "code" => code_name(code)).increment(updates);
    }
}

/// The code's name as in the gRPC specification.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
