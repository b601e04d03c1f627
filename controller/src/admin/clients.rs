use std::{collections::HashMap, sync::Arc};

use mimiq_addressing::LeaseState;
use mimiq_api::admin::{Client, ListClientsRequest, ListClientsResponse, RevokeClientRequest, RevokeClientResponse};
use mimiq_core::{ClientId, Core};
use tonic::Status;

use super::{
    Admin,
    leases::location,
    page::{size, unknown},
};

fn shown(core: &Core, id: ClientId, client: &mimiq_core::Client, connections: &HashMap<Arc<str>, usize>) -> Client {
    Client {
        name: client.name.to_string(),
        location: client.location.map(|at| location(core, at)),
        connections: connections.get(&client.name).map_or(0, |number| *number as u32),
        held_addresses: core.pools().held(id),
        leased_addresses: Vec::new(),
    }
}

impl Admin {
    pub(super) fn clients(&self, request: &ListClientsRequest) -> Result<ListClientsResponse, Status> {
        let size = size(request.page_size)?;
        let connections = self.live.service.connections();
        Ok(self.live.allocator.with(|core, _| {
            // By name: the token is the last name of the page before.
            let is_next = |(_, client): &(ClientId, &mimiq_core::Client)| {
                *client.name > *request.page_token && (!request.connected || connections.contains_key(&client.name))
            };
            let mut clients: Vec<_> = core.clients().filter(is_next).collect();
            clients.sort_unstable_by_key(|(_, client)| &client.name);
            let last = (clients.len() > size).then(|| clients[size - 1].1.name.to_string());
            clients.truncate(size);
            ListClientsResponse {
                clients: clients.into_iter().map(|(id, client)| shown(core, id, client, &connections)).collect(),
                next_page_token: last.unwrap_or_default(),
            }
        }))
    }

    pub(super) fn client(&self, name: &str) -> Result<Client, Status> {
        let connections = self.live.service.connections();
        self.live.allocator.with(|core, _| {
            let id = core.find_client(name).ok_or_else(|| unknown("name", name))?;
            let client = core.client(id).ok_or_else(|| unknown("name", name))?;
            let leased = core.pools().leases_of(id).filter(|lease| lease.state == LeaseState::Leased);
            let leased_addresses = leased.map(|lease| lease.address.to_string()).collect();
            Ok(Client { leased_addresses, ..shown(core, id, client, &connections) })
        })
    }

    pub(super) fn expel(&self, request: &RevokeClientRequest) -> Result<RevokeClientResponse, Status> {
        let name = &request.name;
        let revoked = self.live.allocator.with(|core, now| {
            let id = core.find_client(name).ok_or_else(|| unknown("name", name))?;
            Ok::<_, Status>(core.expel(now, id))
        })?;
        let closed = if request.close_connections { self.live.service.close(name) } else { 0 };
        Ok(RevokeClientResponse { revoked_addresses: revoked as u32, closed_connections: closed as u32 })
    }
}
