//! What clients hear and do.

use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::{Ledger, Promise, Standing, delivery, guard};
use crate::harness::{fabric::Place, p4::Tables};

/// Milliseconds are cut off in replies, and deadlines.
const ROUNDING: Duration = Duration::from_millis(3);

/// What was so when a client asked.
#[derive(Debug, Clone)]
pub struct Asked {
    at: Instant,
    life: u64,
    /// The controller was ready.
    ready: bool,
    generations: Vec<u64>,
    /// Edges that were complete.
    complete: Vec<bool>,
}

/// What was so before a client asked for more time.
#[derive(Debug)]
pub struct Renewal(Vec<(IpAddr, Instant, Instant)>);

impl Ledger {
    /// A client asks.
    pub fn ask(&self) -> Asked {
        let state = self.lock();
        let generations = state.switches.iter().map(|view| view.generation).collect();
        let complete = state.switches.iter().map(|view| view.complete).collect();
        Asked { at: Instant::now(), life: state.life, ready: state.ready, generations, complete }
    }

    /// A client is at this place from now on.
    pub fn arrive(&self, client: usize, place: Place) {
        let state = &mut *self.lock();
        let now = Instant::now();
        state.places.insert(place);
        for promise in state.promises.values_mut().filter(|promise| promise.client == client) {
            promise.shorten(now);
        }
        self.journal.note("ledger", format_args!("client {client} is at {place:?}"));
    }

    /// A client has heard of a set.
    pub fn grant(
        &self,
        client: usize,
        place: Place,
        asked: &Asked,
        addresses: &[IpAddr],
        lifetime: Duration,
        grace: Duration,
    ) {
        let state = &mut *self.lock();
        let since = Instant::now();
        state.stats.acknowledged += addresses.len() as u64;
        *state.served.entry(place.sid).or_default() += 1;
        let lease_until = (asked.at + lifetime).checked_sub(ROUNDING).unwrap_or(asked.at);
        let deliver_until = lease_until + grace;
        self.journal.note("ledger", format_args!("client {client} has {addresses:?} at {place:?} for {lifetime:?}"));
        let index = state.switches.iter().position(|view| view.sid == Some(place.sid)).unwrap_or_default();
        let same = state.switches.get(index).map(|view| view.generation) == asked.generations.get(index).copied();
        let standing = if same { Standing::There } else { Standing::Lost };
        for address in addresses {
            let promise = Promise {
                client,
                place,
                since,
                lease_until,
                deliver_until,
                ends_by: since + lifetime,
                grace,
                given: asked.life,
                known: asked.life,
                delivery: standing,
                guard: standing,
            };
            let Some(before) = state.promises.insert(*address, promise) else { continue };
            state.stats.reused += 1;
            if since < before.deliver_until {
                self.violate(
                    state,
                    "no-collision",
                    format_args!("{address} is given to client {client} while it is still promised: {before:?}"),
                );
            } else if since < before.deliver_until + self.terms.cool_down {
                // A controller that was started anew knows only of those without alias that they may still rest.
                if before.known == asked.life || self.is_bound(*address, place.sid) {
                    let what = format_args!("{address} is given to client {client} without rest after {before:?}");
                    self.violate(state, "random-reuse", what);
                } else {
                    state.stats.restless += 1;
                }
            }
        }
    }

    /// The client gives addresses back: from now on they may end at any time.
    pub fn release(&self, addresses: &[IpAddr]) {
        let mut state = self.lock();
        let now = Instant::now();
        self.journal.note("ledger", format_args!("{addresses:?} are given back"));
        for address in addresses {
            if let Some(promise) = state.promises.get_mut(address) {
                promise.shorten(now);
            }
        }
    }

    /// The client asks for more time: the lease may end sooner if a shorter one is drawn.
    pub fn ask_renewal(&self, addresses: &[IpAddr]) -> Renewal {
        let state = &mut *self.lock();
        let now = Instant::now();
        let mut before = Vec::new();
        for address in addresses {
            state.renewed.insert(*address, now);
            if let Some(promise) = state.promises.get_mut(address) {
                before.push((*address, promise.lease_until, promise.deliver_until));
                promise.shorten(now + self.terms.t_ip_min);
            }
        }
        Renewal(before)
    }

    /// It got more time.
    pub fn renew(&self, asked: &Asked, addresses: &[IpAddr], lifetime: Duration, grace: Duration) {
        let state = &mut *self.lock();
        let lease_until = (asked.at + lifetime).checked_sub(ROUNDING).unwrap_or(asked.at);
        self.journal.note("ledger", format_args!("{addresses:?} are renewed for {lifetime:?}"));
        for address in addresses {
            if let Some(promise) = state.promises.get_mut(address) {
                promise.lease_until = lease_until;
                promise.deliver_until = lease_until + grace;
                promise.ends_by = Instant::now() + lifetime;
                state.stats.renewed += 1;
                state.stats.renewed_across_lives += u64::from(promise.given != asked.life);
            }
        }
    }

    /// It did not, because it does not have them: so none of them may be in force any more.
    pub fn not_held(&self, asked: &Asked, before: &Renewal, message: &str) {
        let state = &mut *self.lock();
        let now = Instant::now();
        let held = before.0.iter().all(|(address, lease_until, _)| {
            now <= *lease_until && state.promises.get(address).is_some_and(|promise| promise.known == asked.life)
        });
        if held {
            let addresses: Vec<IpAddr> = before.0.iter().map(|(address, ..)| *address).collect();
            let what = format_args!("{addresses:?} are said to be not held: {message}");
            self.violate(state, "no address is lost before its time", what);
        }
    }

    /// It did not: everything is as before.
    pub fn refuse_renewal(&self, before: Renewal) {
        let mut state = self.lock();
        for (address, lease_until, deliver_until) in before.0 {
            if let Some(promise) = state.promises.get_mut(&address) {
                (promise.lease_until, promise.deliver_until) = (lease_until, deliver_until);
            }
        }
    }

    /// The server says that addresses have ended. It may say so only if the client moved or gave them back.
    pub fn revoke(&self, client: usize, addresses: &[IpAddr]) {
        let state = &mut *self.lock();
        let now = Instant::now();
        self.journal.note("ledger", format_args!("client {client} is told that {addresses:?} are revoked"));
        for address in addresses {
            let Some(promise) = state.promises.get(address).cloned() else { continue };
            if promise.client == client && now <= promise.lease_until {
                let what = format_args!("{address} is revoked though the client did not move: {promise:?}");
                self.violate(state, "no address is lost before its time", what);
            }
        }
    }

    /// What a client may surely send from for a while yet.
    pub fn held(&self, client: usize) -> Vec<IpAddr> {
        let state = self.lock();
        let soon = Instant::now() + Duration::from_millis(100);
        let held = |promise: &Promise| promise.client == client && promise.lease_until > soon;
        let mut held: Vec<IpAddr> =
            state.promises.iter().filter(|(_, promise)| held(promise)).map(|(address, _)| *address).collect();
        // Their order must not depend on a hash.
        held.sort_unstable();
        held
    }

    /// What a client-facing switch and the edges have of a set, read right after its reply (rules-before-reply).
    /// `None` for a switch that could not be read.
    pub fn check_reply(&self, place: Place, asked: &Asked, addresses: &[IpAddr], found: &[Option<Tables>]) {
        let state = &mut *self.lock();
        let ended = Instant::now();
        let mut excused = false;
        for (index, found) in found.iter().enumerate() {
            let Some(view) = state.switches.get(index) else { continue };
            let same = asked.generations.get(index) == Some(&view.generation);
            let complete = asked.complete.get(index) == Some(&true);
            let (own, edge, name) = (view.sid == Some(place.sid), view.edge, view.name.clone());
            if !own && !edge {
                continue;
            }
            let (true, Some(found)) = (same && (own || complete), found) else {
                excused = true;
                continue;
            };
            for address in addresses {
                // It may have ended, or been taken back by the client, while the switches were read.
                let Some(promise) = state.promises.get(address).filter(|p| ended <= p.lease_until).cloned() else {
                    continue;
                };
                let mut lacking = Vec::new();
                if own && found.get(&delivery(*address, place).key()) != Some(&delivery(*address, place)) {
                    lacking.push("delivery");
                }
                if own && !found.contains_key(&guard(*address, place)) {
                    lacking.push("guard");
                }
                let tunnel = self.edge_entry(*address, place.sid).filter(|_| edge);
                if tunnel.is_some_and(|entry| found.get(&entry.key()) != Some(&entry)) {
                    lacking.push("tunnel");
                }
                if !lacking.is_empty() {
                    let what = format_args!("{name} lacks {lacking:?} of {address}: {promise:?}");
                    self.violate(state, "rules-before-reply", what);
                }
            }
        }
        if asked.ready && addresses.iter().any(|address| self.is_bound(*address, place.sid)) {
            for (view, asked) in state.switches.iter_mut().zip(&asked.generations) {
                view.bound |= view.edge && view.generation == *asked;
            }
        }
        if excused {
            state.stats.replies_excused += 1;
        } else {
            state.stats.replies_checked += 1;
        }
    }
}
