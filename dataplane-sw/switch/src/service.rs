//! The gRPC service. Write and Read have their own way from and to bytes; the rest is the generated code's.

use bytes::Bytes;
use p4runtime::{BytesCodec, v1::ReadRequest, v1::p4_runtime_server::P4RuntimeServer};
use prost::Message as _;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{self, BoxFuture, BoxStream, Context, Poll, StdError, http},
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
};

use crate::{
    request::{Write, malformed},
    server::{MAX_REQUEST, Server},
};

/// [`Server`] as a service of a tonic server.
#[derive(Clone)]
pub struct Service {
    server: Server,
    generated: P4RuntimeServer<Server>,
}

impl Service {
    pub(crate) fn new(server: Server) -> Self {
        let generated = P4RuntimeServer::new(server.clone()).max_decoding_message_size(MAX_REQUEST);
        Self { server, generated }
    }
}

impl NamedService for Service {
    const NAME: &'static str = P4RuntimeServer::<Server>::NAME;
}

impl<B> codegen::Service<http::Request<B>> for Service
where
    B: codegen::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        codegen::Service::<http::Request<B>>::poll_ready(&mut self.generated, context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let server = self.server.clone();
        match request.uri().path() {
            "/p4.v1.P4Runtime/Write" => Box::pin(async { Ok(grpc().unary(Writing(server), request).await) }),
            "/p4.v1.P4Runtime/Read" => Box::pin(async { Ok(grpc().server_streaming(Reading(server), request).await) }),
            _ => self.generated.call(request),
        }
    }
}

fn grpc() -> Grpc<BytesCodec> {
    Grpc::new(BytesCodec).max_decoding_message_size(MAX_REQUEST)
}

struct Writing(Server);

impl UnaryService<Bytes> for Writing {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (server, bytes) = (self.0.clone(), request.into_inner());
        Box::pin(async move {
            server.carry_out(Write::decode(&bytes)?).await?;
            // A WriteResponse has no fields.
            Ok(Response::new(Bytes::new()))
        })
    }
}

struct Reading(Server);

impl ServerStreamingService<Bytes> for Reading {
    type Response = Bytes;
    type ResponseStream = BoxStream<Bytes>;
    type Future = BoxFuture<Response<BoxStream<Bytes>>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (server, bytes) = (self.0.clone(), request.into_inner());
        Box::pin(async move {
            let (outcome, failure) = server.find(ReadRequest::decode(bytes).map_err(malformed)?).await?;
            let messages = outcome.into_bytes().map(Ok).chain(failure.map(Err));
            Ok(Response::new(Box::pin(tokio_stream::iter(messages)) as BoxStream<Bytes>))
        })
    }
}
