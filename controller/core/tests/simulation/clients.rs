//! What clients do.

use std::net::IpAddr;

use mimiq_addressing::Demand;
use mimiq_contract::PortId;
use mimiq_core::{Granted, Ticket};
use rand::Rng as _;

use crate::{
    promises::Asked,
    world::{CLIENTS, GRACE, World},
};

impl World {
    pub(crate) fn someone_acquires(&mut self) {
        if self.core.is_none() {
            return;
        }
        let client = self.rng.random_range(0..CLIENTS);
        let location = self.locations[client];
        let v4 = if self.rng.random_bool(0.5) { 0 } else { self.rng.random_range(1..3) };
        let demand = Demand { v6: self.rng.random_range(0..4), v4 };
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.promises.asked.insert(ticket, Asked { client, location });
        self.with(|core, now| {
            let id = core.client_named(&format!("c{client}"));
            core.acquire(now, ticket, id, location, demand);
        });
    }

    fn some_held(&mut self) -> Option<(usize, Vec<IpAddr>)> {
        let client = self.rng.random_range(0..CLIENTS);
        let held = self.promises.held_by(self.now, client);
        let some: Vec<IpAddr> = held.into_iter().filter(|_| self.rng.random_bool(0.4)).collect();
        (!some.is_empty() && self.core.is_some()).then_some((client, some))
    }

    pub(crate) fn someone_releases(&mut self) {
        let Some((client, addresses)) = self.some_held() else { return };
        let location = self.locations[client];
        for address in &addresses {
            self.promises.end(self.now, *address, client, GRACE);
        }
        self.with(|core, now| {
            let id = core.client_named(&format!("c{client}"));
            let _ = core.release(now, id, location, &addresses);
        });
    }

    pub(crate) fn someone_renews(&mut self) {
        let Some((client, addresses)) = self.some_held() else { return };
        let location = self.locations[client];
        let mut result = None;
        self.with(|core, now| {
            let id = core.client_named(&format!("c{client}"));
            result = core.renew(now, id, location, addresses).ok();
        });
        let Some(Granted { addresses, lifetime, .. }) = result else { return };
        for address in addresses {
            let promise = self.promises.by_address.get_mut(&address).expect("held");
            promise.until = promise.until.max(self.now + lifetime.as_millis() as u64);
            promise.end = promise.until + GRACE;
        }
    }

    pub(crate) fn someone_moves(&mut self) {
        self.seen.moves += 1;
        let client = self.rng.random_range(0..CLIENTS);
        let location = &mut self.locations[client];
        location.sid = self.rng.random_range(1..=3);
        location.port = PortId(self.rng.random_range(0..4) * 8 + client as u16);
    }
}
