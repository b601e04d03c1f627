//! The P4Runtime service of the chaos switch.

use std::{pin::Pin, sync::Arc};

use p4runtime::v1::{
    CapabilitiesRequest, CapabilitiesResponse, GetForwardingPipelineConfigRequest, GetForwardingPipelineConfigResponse,
    ReadRequest, ReadResponse, SetForwardingPipelineConfigRequest, SetForwardingPipelineConfigResponse,
    StreamMessageRequest, StreamMessageResponse, WriteRequest, WriteResponse, p4_runtime_server::P4Runtime,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{Shared, answer, context::Context, read, stream, write};
use crate::fault::Rpc;

#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl P4Runtime for Service {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResponse, Status>> + Send>>;
    type StreamChannelStream = ReceiverStream<Result<StreamMessageResponse, Status>>;

    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let updates = request.get_ref().updates.len();
        let context = Context::new(&self.0, Rpc::Write, &request, format_args!("{updates} updates"));
        answer::of(tokio::spawn(write::carry_out(context, request.into_inner()))).await.map(Response::new)
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let entities = request.get_ref().entities.len();
        let context = Context::new(&self.0, Rpc::Read, &request, format_args!("{entities} entities"));
        let messages = answer::of(tokio::spawn(read::carry_out(context, request.into_inner()))).await?;
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn set_forwarding_pipeline_config(
        &self,
        request: Request<SetForwardingPipelineConfigRequest>,
    ) -> Result<Response<SetForwardingPipelineConfigResponse>, Status> {
        let mut context = Context::new(&self.0, Rpc::Config, &request, format_args!("set"));
        let request = request.into_inner();
        let task = tokio::spawn(async move {
            if let Some(answer) = context.before().await {
                return answer;
            }
            let result = context.switch().set_forwarding_pipeline_config(request).await;
            context.after(result.map(Response::into_inner)).await
        });
        answer::of(task).await.map(Response::new)
    }

    async fn get_forwarding_pipeline_config(
        &self,
        request: Request<GetForwardingPipelineConfigRequest>,
    ) -> Result<Response<GetForwardingPipelineConfigResponse>, Status> {
        let mut context = Context::new(&self.0, Rpc::Config, &request, format_args!("get"));
        let request = request.into_inner();
        let task = tokio::spawn(async move {
            if let Some(answer) = context.before().await {
                return answer;
            }
            let result = context.switch().get_forwarding_pipeline_config(request).await;
            context.after(result.map(Response::into_inner)).await
        });
        answer::of(task).await.map(Response::new)
    }

    async fn stream_channel(
        &self,
        request: Request<Streaming<StreamMessageRequest>>,
    ) -> Result<Response<Self::StreamChannelStream>, Status> {
        let context = Context::new(&self.0, Rpc::Stream, &request, format_args!("opened"));
        let inbound = request.into_inner();
        stream::open(context, inbound).await.map(|receiver| Response::new(ReceiverStream::new(receiver)))
    }

    /// Tells the truth: no controller depends on it.
    async fn capabilities(
        &self,
        request: Request<CapabilitiesRequest>,
    ) -> Result<Response<CapabilitiesResponse>, Status> {
        self.0.switch.clone().capabilities(request.into_inner()).await
    }
}
