//! A client's end of the connection to its provider. That it is opened, and opened again, is up to the caller.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mimiq_directory::Envelope;
use quinn::{Connection, RecvStream, SendDatagramError, SendStream};
use tokio::sync::Mutex;

use crate::account::Token;
use crate::codes;
use crate::frames::{self, Malformed, Pull, Refusal};
use crate::inbox::Message;
use crate::shape::Shape;

/// Why something cannot be done. But for a packet of the wrong size, the connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The provider does not serve this client.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// What the provider sends makes no sense.
    #[error("provider: {0}")]
    Malformed(#[from] Malformed),
    /// The connection is lost, or closed with one of [`crate::codes`].
    #[error("connection: {0}")]
    Connection(#[from] quinn::ConnectionError),
    /// A stream broke off.
    #[error("stream: {0}")]
    Read(#[from] quinn::ReadExactError),
    /// A stream broke off.
    #[error("stream: {0}")]
    Write(#[from] quinn::WriteError),
    /// Datagrams cannot carry packets here.
    #[error("datagram: {0}")]
    Datagram(#[from] SendDatagramError),
    /// All packets have the same size.
    #[error("packet: {length} bytes instead of {wanted}")]
    Length {
        /// Given.
        length: usize,
        /// Needed.
        wanted: usize,
    },
    /// An earlier pull failed or was given up: its answer would be taken for that of the next.
    #[error("an earlier pull was not completed")]
    Broken,
}

/// A client that its provider serves.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    shape: Shape,
    /// Absent while a pull is under way, and for good when one was given up.
    pulls: Mutex<Option<(SendStream, RecvStream)>>,
    dropped: AtomicU64,
}

impl Client {
    /// Asks to be served, and to register with a token if there is no account. How many messages an answer has the provider says, whatever `shape` does:
    /// its state of the network may be another one. The connection was opened with [`crate::client_tls`].
    ///
    /// # Errors
    /// If the provider refuses (then the connection is closed), or the connection fails.
    pub async fn hello(connection: Connection, shape: Shape, token: Option<&Token>) -> Result<Self, ClientError> {
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(&frames::hello(token)).await?;
        let mut status = [0];
        receive.read_exact(&mut status).await?;
        if let Err(refusal) = frames::parse_status(status[0])? {
            connection.close(codes::STOPPED.into(), b"");
            return Err(refusal.into());
        }
        let mut slots = [0; frames::SLOTS];
        receive.read_exact(&mut slots).await?;
        let shape = frames::parse_slots(shape, slots)?;
        Ok(Self { connection, shape, pulls: Mutex::new(Some((send, receive))), dropped: AtomicU64::new(0) })
    }

    /// Sends a Sphinx packet as a datagram, without waiting. If too many wait already, the oldest is dropped and counted.
    ///
    /// # Errors
    /// If it has not the right size, or the connection is lost or has no room for it in a datagram.
    pub fn send_packet(&self, packet: Bytes) -> Result<(), ClientError> {
        let (length, wanted) = (packet.len(), self.shape.packet_len());
        if length != wanted {
            return Err(ClientError::Length { length, wanted });
        }
        if self.connection.datagram_send_buffer_space() < length {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self.connection.send_datagram(packet)?)
    }

    /// Packets that were dropped as too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asks for messages, and says which have arrived and may be deleted. An empty answer may also mean that the
    /// provider found this too fast. One pull at a time: others wait.
    ///
    /// # Errors
    /// If the connection fails, the provider does not follow the protocol, or an earlier call was given up.
    pub async fn pull(&self, pull: Pull) -> Result<Vec<Message>, ClientError> {
        let mut pulls = self.pulls.lock().await;
        let (mut send, mut receive) = pulls.take().ok_or(ClientError::Broken)?;
        send.write_all(&pull.encode()).await?;
        let mut answer = vec![0; self.shape.answer_len()];
        receive.read_exact(&mut answer).await?;
        let messages = frames::parse_answer(&self.shape, &answer)?;
        *pulls = Some((send, receive));
        Ok(messages)
    }

    /// The network's signed state, if the provider has a newer one than that with this serial, and was not asked too often.
    ///
    /// # Errors
    /// If the connection fails, or the state is too large.
    pub async fn state(&self, serial: u64) -> Result<Option<Vec<u8>>, ClientError> {
        let (mut send, mut receive) = self.connection.open_bi().await?;
        let [a, b, c, d, e, f, g, h] = serial.to_be_bytes();
        send.write_all(&[frames::STATE, a, b, c, d, e, f, g, h]).await?;
        let _ = send.finish();
        let mut length = [0; 4];
        receive.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > Envelope::MOST_BYTES {
            return Err(Malformed("length of the state").into());
        }
        let mut envelope = vec![0; length];
        receive.read_exact(&mut envelope).await?;
        Ok((length > 0).then_some(envelope))
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests;
