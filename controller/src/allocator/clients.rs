use std::{
    collections::{HashMap, HashSet},
    net::Ipv6Addr,
};

use mimiq_api::allocation::{Drain, Revoke, ServerPush, server_push::Push};
use prost::Message as _;

use crate::relay::Location;

/// A client, in this process' life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientId(usize);

/// The clients seen so far. They are never forgotten: there are as many as the operator enrolled.
#[derive(Default)]
pub(super) struct Clients {
    ids: HashMap<String, ClientId>,
    clients: Vec<Client>,
}

#[derive(Default)]
struct Client {
    location: Option<Location>,
    held: HashSet<Ipv6Addr>,
    connection: Option<quinn::Connection>,
}

impl Clients {
    pub(super) fn named(&mut self, name: &str) -> ClientId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = ClientId(self.clients.len());
        self.clients.push(Client::default());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// Pushes go to the latest connection.
    pub(super) fn connected(&mut self, id: ClientId, connection: &quinn::Connection) {
        let known = &mut self.clients[id.0].connection;
        if known.as_ref().is_none_or(|known| known.stable_id() != connection.stable_id()) {
            *known = Some(connection.clone());
        }
    }

    /// Notes where the client is; returns the addresses that it had elsewhere, and no longer has.
    pub(super) fn moved(&mut self, id: ClientId, location: Location) -> Vec<Ipv6Addr> {
        let client = &mut self.clients[id.0];
        let before = client.location.replace(location);
        if before == Some(location) { Vec::new() } else { client.held.drain().collect() }
    }

    pub(super) fn holds(&mut self, id: ClientId, addresses: impl Iterator<Item = Ipv6Addr>) {
        self.clients[id.0].held.extend(addresses);
    }

    pub(super) fn has(&self, id: ClientId, address: &Ipv6Addr) -> bool {
        self.clients[id.0].held.contains(address)
    }

    pub(super) fn lost(&mut self, id: ClientId, address: &Ipv6Addr) {
        self.clients[id.0].held.remove(address);
    }

    pub(super) fn drain(&self) {
        for connection in self.clients.iter().filter_map(|client| client.connection.as_ref()) {
            push(connection, Push::Drain(Drain {}));
        }
    }
}

pub(super) fn push_revoke(connection: &quinn::Connection, addresses: &[Ipv6Addr]) {
    let addresses = addresses.iter().map(|address| address.octets().to_vec()).collect();
    push(connection, Push::Revoke(Revoke { addresses }));
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
