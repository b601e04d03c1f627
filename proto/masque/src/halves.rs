//! The two directions of a request's stream, the same for both ends.
//!
//! h3-quinn's receiving half must not be asked to stop while a read that was given up is under way (it panics). Dropping it
//! says the same to the peer, with the code 0.

use bytes::{Buf as _, Bytes};
use h3::client::RequestStream as ClientStream;
use h3::error::{Code, StreamError};
use h3::server::RequestStream as ServerStream;

/// Sends.
pub trait Sending: Send {
    /// Waits while flow control holds it back.
    fn send(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), StreamError>> + Send;
    /// That was all.
    fn finish(&mut self) -> impl Future<Output = Result<(), StreamError>> + Send;
    /// What was sent is not all, and nothing more comes. Without this or `finish` a stream that is dropped looks complete.
    fn reset(&mut self, code: Code);
}

/// Receives.
pub trait Receiving: Send {
    /// The next piece; nothing at the end.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Bytes>, StreamError>> + Send;
}

macro_rules! halves {
    ($stream:ident) => {
        impl Sending for $stream<h3_quinn::SendStream<Bytes>, Bytes> {
            async fn send(&mut self, bytes: Bytes) -> Result<(), StreamError> {
                self.send_data(bytes).await
            }

            async fn finish(&mut self) -> Result<(), StreamError> {
                <$stream<h3_quinn::SendStream<Bytes>, Bytes>>::finish(self).await
            }

            fn reset(&mut self, code: Code) {
                self.stop_stream(code);
            }
        }

        impl Receiving for $stream<h3_quinn::RecvStream, Bytes> {
            async fn receive(&mut self) -> Result<Option<Bytes>, StreamError> {
                let piece = self.recv_data().await?;
                Ok(piece.map(|mut piece| piece.copy_to_bytes(piece.remaining())))
            }
        }
    };
}

halves!(ClientStream);
halves!(ServerStream);
