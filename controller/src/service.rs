//! The allocation service: QUIC connections from clients' agents, one request on each stream.

mod connections;
mod reply;
mod request;

use std::{collections::HashMap, sync::Arc, time::Duration};

use metrics::{counter, gauge, histogram};
use mimiq_api::allocation::{ClientRequest, MAX_MESSAGE, RefusalReason, ServerReply, server_reply::Reply};
use mimiq_core::ClientId;
use prost::Message as _;
use quinn::{Connection, Endpoint, Incoming, ReadToEndError, RecvStream, SendStream, VarInt};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::{
    allocator::Allocator,
    relay::Peer,
    tls::{self, Identity, TlsError},
};
use connections::{Connections, Unwelcome};
use reply::{RETRY, denied, granted, refused, released};
use request::{Invalid, Valid};

/// Handshakes at a time: each costs some milliseconds of CPU.
const HANDSHAKES: usize = 256;
/// How long a handshake, or reading a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Codes of closed connections.
mod close {
    use super::VarInt;

    pub(super) const NO_NAME: VarInt = VarInt::from_u32(1);
    pub(super) const STOPPING: VarInt = VarInt::from_u32(2);
    pub(super) const TOO_MANY: VarInt = VarInt::from_u32(3);
    pub(super) const REVOKED: VarInt = VarInt::from_u32(4);
    pub(super) const EXPELLED: VarInt = VarInt::from_u32(5);
}

/// The allocation service.
pub struct Service {
    endpoint: Endpoint,
    allocator: Arc<Allocator>,
    handshakes: Arc<Semaphore>,
    connections: Arc<Connections>,
}

impl Service {
    /// Serves clients on this endpoint.
    pub fn new(endpoint: Endpoint, allocator: Arc<Allocator>) -> Self {
        Self { endpoint, allocator, handshakes: Arc::new(Semaphore::new(HANDSHAKES)), connections: Arc::default() }
    }

    /// Accepts connections until the endpoint is closed.
    pub async fn run(&self) {
        while let Some(incoming) = self.endpoint.accept().await {
            self.accept(incoming);
        }
    }

    /// Lets in whom this identity lets in, and closes the connections of certificates that are revoked; says how many.
    ///
    /// # Errors
    /// If its files do not fit together; then nothing has changed.
    pub fn set_identity(&self, identity: &Identity) -> Result<usize, TlsError> {
        // Handshakes under way had the old list: what they end in is compared with the new one.
        self.endpoint.set_server_config(Some(identity.service()?));
        Ok(self.connections.revoke(identity.crl().map(|crl| crl.revoked().clone()).unwrap_or_default()))
    }

    /// How many connections each client has; those without are not there.
    pub fn connections(&self) -> HashMap<Arc<str>, usize> {
        self.connections.numbers()
    }

    /// Closes a client's connections; says how many.
    pub fn close(&self, name: &str) -> usize {
        self.connections.close(name)
    }

    /// Tells the clients that the server stops, and closes their connections.
    pub async fn stop(&self, grace: Duration) {
        self.endpoint.set_server_config(None);
        self.allocator.drain();
        // Drain has to arrive before the connection's end does.
        let _ = timeout(grace, self.endpoint.wait_idle()).await;
        self.endpoint.close(close::STOPPING, b"the server stops");
        let _ = timeout(grace, self.endpoint.wait_idle()).await;
    }

    fn accept(&self, incoming: Incoming) {
        let peer = Peer::try_from(incoming.remote_address());
        if peer.is_ok_and(|peer| self.allocator.with(|core, now| !core.admit_connection(now, peer.location))) {
            counter!("mimiq_controller_handshakes_total", "result" => "rate_limited").increment(1);
            return incoming.ignore();
        }
        let Ok(permit) = self.handshakes.clone().try_acquire_owned() else {
            counter!("mimiq_controller_handshakes_total", "result" => "overload").increment(1);
            // A client that comes back with the token has shown that its address is not forged.
            if !incoming.remote_address_validated() {
                let _ = incoming.retry();
            } else {
                incoming.refuse();
            }
            return;
        };
        let (allocator, connections) = (self.allocator.clone(), self.connections.clone());
        tokio::spawn(async move {
            let connection = timeout(PATIENCE, async { incoming.await }).await;
            drop(permit);
            let result = match connection {
                Ok(Ok(connection)) => {
                    counter!("mimiq_controller_handshakes_total", "result" => "ok").increment(1);
                    return serve(connection, allocator, &connections).await;
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "handshake failed");
                    "failed"
                }
                Err(_) => "timeout",
            };
            counter!("mimiq_controller_handshakes_total", "result" => result).increment(1);
        });
    }
}

async fn serve(connection: Connection, allocator: Arc<Allocator>, connections: &Connections) {
    let Some(holder) = tls::holder(&connection) else {
        tracing::info!("a client's certificate has no common name");
        return connection.close(close::NO_NAME, b"the certificate has no common name");
    };
    let name: Arc<str> = holder.name.as_str().into();
    match connections.add(&holder, &name, &connection) {
        Ok(()) => {}
        Err(Unwelcome::TooMany) => {
            tracing::info!(client = %name, "a client has too many connections");
            return connection.close(close::TOO_MANY, b"too many connections of this client");
        }
        Err(Unwelcome::Revoked) => return connection.close(close::REVOKED, b"the certificate is revoked"),
    }
    tracing::info!(client = %name, "client connected");
    gauge!("mimiq_controller_connections").increment(1.0);
    let client = allocator.client(&name, &connection);
    let ended = loop {
        match connection.accept_bi().await {
            // Not cancelled when the connection ends: a lease must be settled with its switch.
            Ok((send, recv)) => {
                let (connection, name, allocator) = (connection.clone(), name.clone(), allocator.clone());
                tokio::spawn(async move { answer(&connection, client, &name, &allocator, send, recv).await })
            }
            Err(ended) => break ended,
        };
    };
    allocator.disconnected(client, &connection);
    gauge!("mimiq_controller_connections").decrement(1.0);
    connections.remove(&name, &connection);
    tracing::info!(client = %name, reason = %ended, "client disconnected");
}

/// Answers the request of one stream.
async fn answer(
    connection: &Connection,
    client: ClientId,
    name: &str,
    allocator: &Allocator,
    mut send: SendStream,
    recv: RecvStream,
) {
    let start = Instant::now();
    let reply = match timeout(PATIENCE, read(recv)).await {
        Ok(Ok(request)) => handle(connection, client, allocator, request).await,
        Ok(Err(Unreadable::Gone)) | Err(_) => return,
        Ok(Err(Unreadable::Invalid(invalid))) => refused(RefusalReason::Invalid, invalid.to_string(), Duration::ZERO),
    };
    let result = match &reply {
        Reply::Refused(refused) => {
            tracing::debug!(client = name, reason = refused.reason().as_str_name(), "request refused");
            refused.reason().as_str_name()
        }
        Reply::AddressSet(_) | Reply::Released(_) => "ok",
    };
    counter!("mimiq_controller_requests_total", "result" => result).increment(1);
    histogram!("mimiq_controller_request_seconds").record(start.elapsed());
    let message = ServerReply { reply: Some(reply) }.encode_to_vec();
    if send.write_all(&message).await.is_ok() {
        // Fails only if the stream is closed already.
        let _ = send.finish();
    }
}

enum Unreadable {
    /// The client took the stream or the connection back.
    Gone,
    Invalid(Invalid),
}

async fn read(mut recv: RecvStream) -> Result<Valid, Unreadable> {
    let bytes = recv.read_to_end(MAX_MESSAGE).await.map_err(|error| match error {
        ReadToEndError::TooLong => Unreadable::Invalid(Invalid::TooLong),
        ReadToEndError::Read(_) => Unreadable::Gone,
    })?;
    let length = bytes.len();
    let message = ClientRequest::decode(bytes.as_slice())
        .map_err(|source| Unreadable::Invalid(Invalid::Malformed { length, source }))?;
    Valid::try_from(message).map_err(Unreadable::Invalid)
}

async fn handle(connection: &Connection, client: ClientId, allocator: &Allocator, request: Valid) -> Reply {
    let Ok(Peer { location, .. }) = Peer::try_from(connection.remote_address()) else {
        return refused(RefusalReason::Unavailable, "the request came without a relay".into(), RETRY);
    };
    let result = match request {
        Valid::Acquire(demand) => allocator.acquire(client, location, demand).await.map(granted),
        Valid::Release(addresses) => allocator.release(client, location, &addresses).map(released),
        Valid::Renew(addresses) => allocator.renew(client, location, addresses).map(granted),
    };
    result.unwrap_or_else(|denial| denied(&denial))
}
