//! What happens when time passes: rules go, addresses come back.

use std::{collections::HashMap, net::Ipv6Addr, sync::Arc, time::Duration};

use futures::future::join_all;
use metrics::{counter, gauge};
use mimiq_addressing::{Alias, Event, Lease, Sid};
use mimiq_contract::{EntryKey, tables::AliasKey};
use tokio::time::timeout_at;

use super::{Allocator, ClientId, rules};
use crate::relay::Location;

impl Allocator {
    /// Follows the pool's deadlines, for ever.
    pub async fn follow_deadlines(self: Arc<Self>) {
        let mut events = Vec::new();
        loop {
            let deadline = {
                let mut state = self.book.lock();
                state.pool.advance(self.book.now(), &mut events);
                for event in &events {
                    if let Event::Expired(Lease { address, client: Some(client), .. }) = event {
                        state.clients.lost(*client, address);
                    }
                }
                // In the lock, so that no request for the same addresses comes between event and removal.
                self.handle(&mut events);
                self.report(&state.pool.occupancy());
                state.pool.next_deadline()
            };
            let changed = self.book.changed.notified();
            match deadline {
                // One millisecond later: the pool counts whole ones.
                Some(deadline) => {
                    let until = self.book.instant(deadline + Duration::from_millis(1));
                    let _ = timeout_at(until, changed).await;
                }
                None => changed.await,
            }
        }
    }

    fn handle(self: &Arc<Self>, events: &mut Vec<Event<ClientId, Location>>) {
        let (mut expired, mut removed, mut aliases) = (Vec::new(), Vec::new(), Vec::new());
        for event in events.drain(..) {
            match event {
                Event::Expired(lease) => expired.push(lease),
                Event::RemoveRules(lease) => removed.push(lease),
                Event::Freed(_) => counter!("mimiq_controller_addresses_freed_total").increment(1),
                Event::DeleteAlias { sid, alias } => aliases.push((sid, alias)),
            }
        }
        self.stop_sending(&expired);
        self.stop_delivery(&removed);
        if !aliases.is_empty() {
            self.delete_aliases(aliases);
        }
    }

    /// Leases have ended: their clients can no longer send from the addresses.
    pub(super) fn stop_sending(&self, ended: &[Lease<ClientId, Location>]) {
        for (sid, leases) in by_switch(ended) {
            if let Some(switch) = self.switches.get(&sid) {
                let guards = leases.iter().map(|lease| rules::guard(lease.location, lease.address)).collect();
                // Not awaited: the address is not free before its other rule is gone too, and that one goes later.
                drop(switch.remove(guards));
            }
        }
    }

    /// Their grace is over: nothing is delivered any more, and when that is sure, the addresses begin to rest.
    fn stop_delivery(self: &Arc<Self>, ended: &[Lease<ClientId, Location>]) {
        for (sid, leases) in by_switch(ended) {
            let addresses: Vec<Ipv6Addr> = leases.iter().map(|lease| lease.address).collect();
            let Some(switch) = self.switches.get(&sid) else { continue };
            let gone = switch.remove(addresses.iter().map(|address| rules::delivery(*address)).collect());
            let this = self.clone();
            tokio::spawn(async move {
                if gone.await {
                    let mut state = this.book.lock();
                    let now = this.book.now();
                    for address in addresses {
                        state.pool.rules_removed(now, address);
                    }
                    this.book.changed.notify_one();
                }
            });
        }
    }

    fn delete_aliases(self: &Arc<Self>, aliases: Vec<(Sid, Alias)>) {
        let key =
            |(_, alias): &(Sid, Alias)| EntryKey::Alias(AliasKey { alias_prefix: self.codec.alias_prefix(*alias) });
        let keys: Vec<EntryKey> = aliases.iter().map(key).collect();
        let gone: Vec<_> = self.edges.iter().map(|edge| edge.remove(keys.clone())).collect();
        let this = self.clone();
        tokio::spawn(async move {
            if join_all(gone).await.into_iter().all(|gone| gone) {
                let mut state = this.book.lock();
                let now = this.book.now();
                for (sid, alias) in aliases {
                    state.pool.alias_deleted(now, alias);
                    state.resting.push((now + this.validity, sid, alias));
                }
                this.book.changed.notify_one();
            }
        });
    }

    fn report(&self, occupancy: &mimiq_addressing::Occupancy) {
        let states = [
            ("leased", occupancy.leased),
            ("grace", occupancy.grace),
            ("removing", occupancy.removing),
            ("cooling", occupancy.cooling),
        ];
        for (state, count) in states {
            gauge!("mimiq_controller_leases", "state" => state).set(count as f64);
        }
    }
}

fn by_switch(leases: &[Lease<ClientId, Location>]) -> HashMap<u16, Vec<&Lease<ClientId, Location>>> {
    let mut switches: HashMap<u16, Vec<_>> = HashMap::new();
    for lease in leases {
        switches.entry(lease.location.sid).or_default().push(lease);
    }
    switches
}
