//! A connection of a lane, with HTTP/3 on it.

use std::net::SocketAddr;

use bytes::Bytes;
use h3::client::{RequestStream, SendRequest};
use h3_quinn::{BidiStream, OpenStreams};
use http::{Request, Response};
use tokio::time::Instant;

use super::DownloadError;
use crate::sdk::connector::Connector;
use crate::sdk::hopping::Hopping;
use crate::sdk::http3::Http3Error;

pub(super) type Stream = RequestStream<BidiStream<Bytes>, Bytes>;

/// Closes when dropped.
pub(super) struct Link {
    pub(super) hopping: Hopping,
    sender: SendRequest<OpenStreams, Bytes>,
    /// When its first packet left.
    pub(super) since: Instant,
}

impl Link {
    /// From a fresh address.
    pub(super) async fn open(connector: Connector, server: SocketAddr, name: String) -> Result<Self, DownloadError> {
        let since = Instant::now();
        let hopping = connector.connect(server, &name).await?;
        connector.memory().of(&(server, name), std::time::Instant::now()).says(hopping.said());
        let connection = h3_quinn::Connection::new(hopping.connection().clone());
        let (mut driver, sender) = h3::client::new(connection).await.map_err(Http3Error::from)?;
        tokio::spawn(async move { driver.wait_idle().await });
        Ok(Self { hopping, sender, since })
    }

    /// Sends a request without a body and waits for the response's head.
    pub(super) async fn ask(&self, request: Request<()>) -> Result<(Response<()>, Stream), DownloadError> {
        let mut stream = self.sender.clone().send_request(request).await?;
        stream.finish().await?;
        let head = stream.recv_response().await?;
        Ok((head, stream))
    }
}
