//! The HTTP datagrams of one connection, handed to the requests that they belong to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::datagram::{Datagram, DatagramError};

/// Datagrams that wait for one request; more are dropped, as a full queue of a network would.
const QUEUE: usize = 256;

/// `H3_DATAGRAM_ERROR` (RFC 9297 §5.2).
const H3_DATAGRAM_ERROR: u32 = 0x33;

/// Why a payload was not sent. The flow goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// Larger than the path carries at the moment.
    #[error("too large")]
    TooLarge,
    /// The peer takes no datagrams.
    #[error("the peer takes no datagrams")]
    Unsupported,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl FlowError {
    /// The reason's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Closed => "closed",
        }
    }
}

type Register = Arc<Mutex<HashMap<u64, mpsc::Sender<Bytes>>>>;

/// Hands out a connection's datagrams. Clones share them.
#[derive(Clone)]
pub struct Flows {
    connection: quinn::Connection,
    register: Register,
}

impl Flows {
    /// Reads the connection's datagrams from now on, until it is closed. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(connection: quinn::Connection) -> Self {
        let flows = Self { connection, register: Register::default() };
        tokio::spawn(flows.clone().read());
        flows
    }

    /// The datagrams of the request on this stream. What came before is lost, as datagrams may be.
    #[must_use]
    pub fn open(&self, stream: u64) -> Flow {
        let (sender, incoming) = mpsc::channel(QUEUE);
        self.lock().insert(stream, sender);
        Flow {
            outgoing: FlowSender { connection: self.connection.clone(), stream },
            incoming,
            register: self.register.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::Sender<Bytes>>> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(self) {
        while let Ok(bytes) = self.connection.read_datagram().await {
            match Datagram::decode(bytes) {
                Ok(datagram) => {
                    if let Some(flow) = self.lock().get(&datagram.stream) {
                        let _ = flow.try_send(datagram.payload);
                    }
                }
                Err(DatagramError::Context(_)) => {}
                Err(DatagramError::Short | DatagramError::StreamId(_)) => {
                    self.connection.close(H3_DATAGRAM_ERROR.into(), b"");
                    break;
                }
            }
        }
        // Whoever waits for a datagram hears that none will come.
        self.lock().clear();
    }
}

/// One request's datagrams.
pub struct Flow {
    /// To the peer.
    pub outgoing: FlowSender,
    /// UDP payloads from the peer. Ends with the connection.
    pub incoming: mpsc::Receiver<Bytes>,
    register: Register,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.register.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.outgoing.stream);
    }
}

/// Sends one request's datagrams.
#[derive(Clone)]
pub struct FlowSender {
    connection: quinn::Connection,
    stream: u64,
}

impl FlowSender {
    /// Sends a UDP payload. If the connection is congested, the oldest ones that wait are dropped.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn send(&self, payload: Bytes) -> Result<(), FlowError> {
        use quinn::SendDatagramError as Quic;
        let datagram = Datagram { stream: self.stream, payload };
        self.connection.send_datagram(datagram.encode()).map_err(|error| match error {
            Quic::TooLarge => FlowError::TooLarge,
            Quic::UnsupportedByPeer | Quic::Disabled => FlowError::Unsupported,
            Quic::ConnectionLost(_) => FlowError::Closed,
        })
    }
}
