//! What clients ask for.

use std::net::IpAddr;

use mimiq_addressing::{Demand, LeaseState, Refusal, RenewError, Sid, Time};
use mimiq_contract::Entry;

use crate::{
    ClientId, Command, Core, Denial, Granted, Location, Operation, SwitchId, Ticket, WriteError, rules,
    switch::{Owner, Status},
};

/// A set of addresses whose rules are being written.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) ticket: Ticket,
    pub(crate) client: ClientId,
    /// The client-facing switch.
    pub(crate) at: SwitchId,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) expires: Time,
    /// Jobs that are not done.
    pub(crate) waiting: usize,
    pub(crate) failed: Option<WriteError>,
}

impl Core {
    /// Gives a client a set of addresses; the reply comes when every switch that needs a rule has it
    /// (rules-before-reply).
    pub fn acquire(&mut self, now: Time, ticket: Ticket, client: ClientId, location: Location, demand: Demand) {
        if let Err(denial) = self.try_acquire(now, ticket, client, location, demand) {
            self.commands.push(Command::Reply { ticket, result: Err(denial) });
        }
    }

    fn try_acquire(
        &mut self,
        now: Time,
        ticket: Ticket,
        client: ClientId,
        location: Location,
        demand: Demand,
    ) -> Result<(), Denial> {
        self.admit(now, client, location)?;
        let id = self.serving_switch(location)?;
        let set = match self.pools.acquire(now, &mut self.rng, client, Sid(location.sid), location, demand) {
            Err(Refusal::Quarantine { .. }) if self.has_naive(demand) && self.edge_missing().is_some() => {
                let name = self.edge_missing().unwrap_or_default();
                return Err(WriteError::Unavailable(name).into());
            }
            result => result?,
        };
        let addresses = set.addresses;
        let grant =
            Grant { ticket, client, at: id, addresses: Vec::new(), expires: set.expires, waiting: 0, failed: None };
        let grant = self.grants.insert(grant);
        // What delivers comes before what lets send.
        let entries: Vec<Entry> = addresses.iter().map(|address| rules::delivery(location, *address)).collect();
        let guards = addresses.iter().map(|address| rules::guard(location, *address));
        let operations = entries.into_iter().chain(guards).map(Operation::Insert).collect();
        let mut waiting = self.enqueue(id, Owner::Grant(grant), operations);
        if self.naive_pools().next().is_some() {
            waiting += self.bind(id, grant, &addresses);
        }
        if let Some(grant) = self.grants.get_mut(grant) {
            (grant.addresses, grant.waiting) = (addresses, waiting);
        }
        self.pump_all();
        Ok(())
    }

    /// Writes the bindings of addresses without alias to every edge switch.
    fn bind(&mut self, at: SwitchId, grant: usize, addresses: &[IpAddr]) -> usize {
        let Some(switch_addr) = self.switches.get(&at).map(|switch| switch.tunnel_addr) else { return 0 };
        let naive = addresses.iter().filter(|address| self.pools.get(**address).is_some_and(|l| l.alias.is_none()));
        let bindings: Vec<Operation> =
            naive.map(|address| Operation::Insert(rules::binding(*address, switch_addr))).collect();
        if bindings.is_empty() {
            return 0;
        }
        let mut waiting = 0;
        for (edge, counts) in self.connected_edges() {
            let owner = if counts { Owner::Grant(grant) } else { Owner::Spare };
            let jobs = self.enqueue(edge, owner, bindings.clone());
            waiting += if counts { jobs } else { 0 };
        }
        waiting
    }

    /// The switch of a location, if it may have new addresses now.
    fn serving_switch(&self, location: Location) -> Result<SwitchId, Denial> {
        let sid = location.sid;
        let id = *self.by_sid.get(&sid).ok_or(Refusal::UnknownSid(Sid(sid)))?;
        let switch = self.switches.get(&id).ok_or(Refusal::UnknownSid(Sid(sid)))?;
        if switch.drained || switch.leaving {
            return Err(Denial::Drained(switch.name.clone()));
        }
        if switch.status != Status::Synced {
            return Err(WriteError::Unavailable(switch.name.clone()).into());
        }
        if !self.is_stored(sid) {
            return Err(Denial::Starting);
        }
        Ok(id)
    }

    /// An edge switch that others wait for.
    pub(crate) fn edge_missing(&self) -> Option<std::sync::Arc<str>> {
        let missing = self.switches.values().find(|edge| edge.counts_as_edge() && edge.status != Status::Synced);
        missing.map(|edge| edge.name.clone())
    }

    /// Edge switches that can be written to, and whether others wait for them.
    pub(crate) fn connected_edges(&self) -> Vec<(SwitchId, bool)> {
        let connected = self.switches.iter().filter(|(_, edge)| edge.edge && edge.status != Status::Away);
        connected.map(|(id, edge)| (*id, edge.counts_as_edge())).collect()
    }

    /// All rules of a set are written, or not.
    pub(crate) fn finish_grant(&mut self, now: Time, grant: usize) {
        let Grant { ticket, client, at, addresses, expires, failed, .. } = self.grants.remove(grant);
        // The switch may have lost what it confirmed, while another one was waited for.
        let there = self.switches.get(&at).filter(|switch| switch.status == Status::Synced);
        let name = self.switches.get(&at).map(|switch| switch.name.clone()).unwrap_or_default();
        let failed = failed.or(there.is_none().then_some(WriteError::Unavailable(name)));
        let lifetime = expires.since(now);
        let held = |address: &IpAddr| {
            self.pools.get(*address).is_some_and(|lease| {
                lease.state == LeaseState::Leased && lease.client == Some(client) && lease.deadline > now
            })
        };
        let result = match failed {
            Some(error) => Err(error.into()),
            None if lifetime.is_zero() || !addresses.iter().all(held) => Err(Denial::Ended),
            None => {
                self.stats.granted += addresses.len() as u64;
                let (grace, mtu) = (self.settings.leases.grace, self.settings.mtu);
                Ok(Granted { addresses: addresses.clone(), lifetime, grace, mtu })
            }
        };
        if result.is_err() {
            // Nobody has heard of them, so nothing is in flight. Those that have ended meanwhile are on their way out.
            let aborted: Vec<_> = addresses.iter().filter_map(|address| self.pools.abort(now, *address)).collect();
            self.stats.aborted += aborted.len() as u64;
            self.remove_rules(now, &aborted);
        }
        self.commands.push(Command::Reply { ticket, result });
    }

    /// Takes back those of the addresses that the client has; says how many.
    ///
    /// # Errors
    /// If the client asks too often.
    pub fn release(
        &mut self,
        now: Time,
        client: ClientId,
        location: Location,
        addresses: &[IpAddr],
    ) -> Result<u32, Denial> {
        self.admit(now, client, location)?;
        let mut ended = Vec::new();
        for address in addresses {
            self.pools.claim(now, client, *address, location);
            if self.pools.release(now, client, *address).is_ok() {
                ended.extend(self.pools.get(*address));
            }
        }
        self.stats.released += ended.len() as u64;
        self.stop_sending(&ended);
        self.pump_all();
        Ok(ended.len() as u32)
    }

    /// Prolongs leases, all or none. A lease that was read back from a switch belongs to the client at its location.
    ///
    /// # Errors
    /// If the client does not have one of them, its alias ends too soon, its switch is drained, or it asks too often.
    pub fn renew(
        &mut self,
        now: Time,
        client: ClientId,
        location: Location,
        addresses: Vec<IpAddr>,
    ) -> Result<Granted, Denial> {
        self.admit(now, client, location)?;
        if addresses.is_empty() {
            return Err(RenewError::Empty.into());
        }
        let at = self.by_sid.get(&location.sid).and_then(|id| self.switches.get(id));
        if let Some(switch) = at.filter(|switch| switch.drained || switch.leaving) {
            return Err(Denial::Drained(switch.name.clone()));
        }
        for address in &addresses {
            self.pools.claim(now, client, *address, location);
        }
        let expires = self.pools.renew(now, &mut self.rng, client, &addresses)?;
        self.stats.renewed += addresses.len() as u64;
        let (grace, mtu) = (self.settings.leases.grace, self.settings.mtu);
        Ok(Granted { addresses, lifetime: expires.since(now), grace, mtu })
    }

    /// Counts a request, and notes where the client is. If it was elsewhere before, its addresses there are revoked: their
    /// switch would not let it use them here.
    fn admit(&mut self, now: Time, client: ClientId, location: Location) -> Result<(), Denial> {
        let limits = self.settings.limits;
        let port = self.ports.entry((location.sid, location.port)).or_default();
        let of_port = port.take(now, limits.per_port).map_err(|wait| ("port", limits.per_port, wait));
        let of_client =
            self.clients.get_mut(client).map_or(Ok(()), |client| client.requests.take(now, limits.per_client));
        let of_client = of_client.map_err(|wait| ("client", limits.per_client, wait));
        if let Err((whose, rate, retry_after)) = of_port.and(of_client) {
            self.stats.rate_limited += 1;
            return Err(Denial::TooMany { whose, per_second: rate.per_second, retry_after });
        }
        self.locate(now, client, location);
        Ok(())
    }

    /// Counts a connection that is begun; `false` if too many are.
    pub fn admit_connection(&mut self, now: Time, location: Location) -> bool {
        let rate = self.settings.limits.per_port;
        self.ports.entry((location.sid, location.port)).or_default().take(now, rate).is_ok()
    }

    fn locate(&mut self, now: Time, client: ClientId, location: Location) {
        let Some(known) = self.clients.get_mut(client) else { return };
        let before = known.location.replace(location);
        if before.is_none_or(|before| before == location) {
            return;
        }
        let elsewhere = self.pools.leases_of(client).filter(|lease| lease.location != location);
        let addresses: Vec<IpAddr> = elsewhere.map(|lease| lease.address).collect();
        if !addresses.is_empty() {
            tracing::info!(addresses = addresses.len(), "a client moved: its addresses are revoked");
            self.revoke(now, &addresses);
        }
    }

    /// Ends leases against their clients' will: their grace begins, and the clients are told. Says how many there were.
    pub fn revoke(&mut self, now: Time, addresses: &[IpAddr]) -> usize {
        let ended: Vec<_> = addresses.iter().filter_map(|address| self.pools.revoke(now, *address)).collect();
        self.stats.revoked += ended.len() as u64;
        self.stop_sending(&ended);
        let mut told = std::collections::BTreeMap::<ClientId, Vec<IpAddr>>::new();
        for lease in &ended {
            if let Some(client) = lease.client {
                told.entry(client).or_default().push(lease.address);
            }
        }
        for (client, addresses) in told {
            self.commands.push(Command::Revoke { client, addresses });
        }
        self.pump_all();
        ended.len()
    }

    /// Revokes all that a client has. Says how many addresses that were.
    pub fn expel(&mut self, now: Time, client: ClientId) -> usize {
        let addresses: Vec<IpAddr> = self.pools.leases_of(client).map(|lease| lease.address).collect();
        self.revoke(now, &addresses)
    }
}
