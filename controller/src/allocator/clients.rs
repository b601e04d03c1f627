//! Clients' connections, and what is pushed to them.

use std::net::IpAddr;

use mimiq_api::allocation::{Drain, Revoke, ServerPush, server_push::Push};
use mimiq_core::ClientId;
use prost::Message as _;

use super::Allocator;

impl Allocator {
    /// The client with this name, reached over `connection` from now on.
    pub fn client(&self, name: &str, connection: &quinn::Connection) -> ClientId {
        self.with_state(|state, _| {
            let client = state.core.client_named(name);
            state.connections.insert(client, connection.clone());
            client
        })
    }

    /// A connection of the client has ended.
    pub fn disconnected(&self, client: ClientId, connection: &quinn::Connection) {
        self.with_state(|state, _| {
            if state.connections.get(&client).is_some_and(|known| known.stable_id() == connection.stable_id()) {
                state.connections.remove(&client);
            }
        });
    }

    /// Whether the client is connected now.
    pub fn is_connected(&self, client: ClientId) -> bool {
        self.lock().connections.contains_key(&client)
    }

    /// Tells all clients that the server stops.
    pub fn drain(&self) {
        for connection in self.lock().connections.values() {
            push(connection, Push::Drain(Drain {}));
        }
    }
}

pub(super) fn push_revoke(connection: &quinn::Connection, addresses: &[IpAddr]) {
    let addresses = addresses.iter().map(|address| octets(*address)).collect();
    push(connection, Push::Revoke(Revoke { addresses }));
}

/// An address as the allocation protocol writes it.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V6(v6) => v6.octets().to_vec(),
        IpAddr::V4(v4) => v4.octets().to_vec(),
    }
}

/// Best effort: a client that is gone learns nothing.
fn push(connection: &quinn::Connection, push: Push) {
    let connection = connection.clone();
    let message = ServerPush { push: Some(push) }.encode_to_vec();
    tokio::spawn(async move {
        let mut stream = connection.open_uni().await?;
        stream.write_all(&message).await?;
        // Fails only if the stream is closed already.
        let _ = stream.finish();
        Ok::<_, quinn::WriteError>(())
    });
}
