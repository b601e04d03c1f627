//! Write and Read for those who have a quicker way between messages and bytes than the generated code.

use ::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// Leaves messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.len());
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A client whose messages are bytes.
#[derive(Debug, Clone)]
pub struct BytesClient(Grpc<Channel>);

impl BytesClient {
    /// On a connection; answers may have up to `max_answer` bytes each.
    pub fn new(channel: Channel, max_answer: usize) -> Self {
        Self(Grpc::new(channel).max_decoding_message_size(max_answer))
    }

    /// Sends a `WriteRequest`.
    ///
    /// # Errors
    /// What the server says, or UNKNOWN if there is no connection.
    pub async fn write(&mut self, request: Bytes) -> Result<(), Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/p4.v1.P4Runtime/Write");
        // The answer has no fields.
        self.0.unary(Request::new(request), path, BytesCodec).await.map(drop)
    }

    /// Sends a `ReadRequest`; the answers are each a `ReadResponse`.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn read(&mut self, request: Bytes) -> Result<Streaming<Bytes>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/p4.v1.P4Runtime/Read");
        Ok(self.0.server_streaming(Request::new(request), path, BytesCodec).await?.into_inner())
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unknown(format!("not ready: {error}")))
    }
}
