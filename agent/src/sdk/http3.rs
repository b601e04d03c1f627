//! HTTP/3 over a session: the client's state follows from connection to connection.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::{Code, ConnectionError, StreamError};
use h3_quinn::{BidiStream, OpenStreams};
use tokio::sync::Mutex;

use super::connector::ConnectError;
use super::repeat::{Fate, may_repeat};
use super::session::{Ride, Session};

/// How often a request is sent at most.
const TRIES: u32 = 3;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum Http3Error {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// HTTP/3 cannot begin on it.
    #[error("HTTP/3: {0}")]
    Begin(#[from] ConnectionError),
    /// The request failed.
    #[error("HTTP/3: {0}")]
    Request(#[from] StreamError),
    /// The server does not answer at the client's address. It may have done what it was asked.
    #[error("HTTP/3: the server is silent at the client's new address")]
    Stalled,
}

/// An HTTP/3 client on a session.
pub struct Http3 {
    session: Session,
    /// Of the connection with this number.
    current: Mutex<Option<(u64, SendRequest<OpenStreams, Bytes>)>>,
}

impl Http3 {
    /// Speaks HTTP/3 on the session's connections; ALPN must be `h3`.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session, current: Mutex::new(None) }
    }

    /// The session, to hop, and for its figures.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What [`h3`] sends the next request with. Keep it until the reply is read; take another for another request.
    ///
    /// # Errors
    /// If there is no connection, or it ends at once.
    pub async fn sender(&self) -> Result<Sender, Http3Error> {
        let mut current = self.current.lock().await;
        let ride = self.session.connection().await?;
        if let Some((number, sender)) = &*current
            && *number == ride.number()
        {
            return Ok(Sender { sender: sender.clone(), ride });
        }
        let begun = h3::client::new(h3_quinn::Connection::new((*ride).clone())).await;
        let (mut driver, sender) = begun.inspect_err(|_| ride.leave())?;
        tokio::spawn(async move { driver.wait_idle().await });
        *current = Some((ride.number(), sender.clone()));
        Ok(Sender { sender, ride })
    }

    /// Sends a request without a body and waits for the response's head.
    ///
    /// If the connection fails before that, the request is sent again on the next one, but only if the server has not done it, or
    /// if doing it twice is doing it once (`GET` and other idempotent methods).
    ///
    /// # Errors
    /// If there is no response.
    pub async fn send(&self, request: http::Request<()>) -> Result<Reply, Http3Error> {
        let mut tries = 0;
        loop {
            let sender = self.sender().await?;
            let ride = sender.ride.clone();
            let (fate, error) = tokio::select! {
                outcome = attempt(sender, request.clone()) => match outcome {
                    Ok(reply) => return Ok(reply),
                    Err(error) => (fate(&error), error.into()),
                },
                () = ride.stalled() => (Fate::Unanswered, Http3Error::Stalled),
            };
            tries += 1;
            if fate != Fate::Failed {
                ride.leave();
            }
            if tries == TRIES || !may_repeat(request.method(), fate) {
                return Err(error);
            }
            tracing::debug!(%error, "the request is sent again on another connection");
        }
    }
}

async fn attempt(mut sender: Sender, request: http::Request<()>) -> Result<Reply, StreamError> {
    let source = sender.ride.source();
    let mut stream = sender.send_request(request).await?;
    stream.finish().await?;
    let head = stream.recv_response().await?;
    Ok(Reply { head, stream, source, sender })
}

fn fate(error: &StreamError) -> Fate {
    match error {
        StreamError::RemoteClosing { .. } => Fate::NotSent,
        StreamError::RemoteTerminate { code, .. } if *code == Code::H3_REQUEST_REJECTED => Fate::Rejected,
        StreamError::ConnectionError { .. } => Fate::Unanswered,
        _ => Fate::Failed,
    }
}

/// A [`SendRequest`], and the connection that it belongs to.
pub struct Sender {
    sender: SendRequest<OpenStreams, Bytes>,
    ride: Ride,
}

impl Sender {
    /// The connection.
    #[must_use]
    pub fn ride(&self) -> &Ride {
        &self.ride
    }
}

impl Deref for Sender {
    type Target = SendRequest<OpenStreams, Bytes>;

    fn deref(&self) -> &Self::Target {
        &self.sender
    }
}

impl DerefMut for Sender {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.sender
    }
}

/// A response.
pub struct Reply {
    head: http::Response<()>,
    stream: RequestStream<BidiStream<Bytes>, Bytes>,
    source: Option<SocketAddr>,
    sender: Sender,
}

impl Reply {
    /// Status and header fields.
    #[must_use]
    pub fn head(&self) -> &http::Response<()> {
        &self.head
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// If the connection or the stream ends before.
    pub async fn data(&mut self) -> Result<Option<impl Buf + use<>>, Http3Error> {
        Ok(self.stream.recv_data().await?)
    }

    /// Where the request left from.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// The connection.
    #[must_use]
    pub fn ride(&self) -> &Ride {
        &self.sender.ride
    }
}
