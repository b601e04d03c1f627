//! What clients were told, and what must therefore hold.

use std::{collections::BTreeMap, net::IpAddr};

use mimiq_core::{Location, Ticket};

/// An address that a client was granted.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    pub(crate) client: usize,
    pub(crate) location: Location,
    /// Until when it may send.
    pub(crate) until: u64,
    /// Until when packets to it are delivered.
    pub(crate) end: u64,
    /// Its switch lost its rules when no controller knew of them: nobody can put them back. It still is nobody else's.
    pub(crate) forgotten: bool,
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: usize,
    pub(crate) location: Location,
}

#[derive(Default)]
pub(crate) struct Promises {
    pub(crate) by_address: BTreeMap<IpAddr, Promise>,
    pub(crate) asked: BTreeMap<Ticket, Asked>,
}

impl Promises {
    /// A new promise: nobody else may have the address yet.
    pub(crate) fn grant(&mut self, now: u64, address: IpAddr, promise: Promise) {
        if let Some(before) = self.by_address.get(&address) {
            assert!(before.end <= now, "no-collision: {address} at {now}: {promise:?} while {before:?}");
        }
        self.by_address.insert(address, promise);
    }

    /// The client gave it back, or was told that it ended.
    pub(crate) fn end(&mut self, now: u64, address: IpAddr, client: usize, grace: u64) {
        if let Some(promise) = self.by_address.get_mut(&address).filter(|promise| promise.client == client) {
            promise.until = promise.until.min(now);
            promise.end = promise.end.min(now + grace);
        }
    }

    /// The switch with this SID has lost what nobody else knows.
    pub(crate) fn forget(&mut self, sid: u16) {
        for promise in self.by_address.values_mut().filter(|promise| promise.location.sid == sid) {
            promise.forgotten = true;
        }
    }

    /// What the client may send from now.
    pub(crate) fn held_by(&self, now: u64, client: usize) -> Vec<IpAddr> {
        let held = self.by_address.iter().filter(|(_, p)| p.client == client && p.until > now);
        held.map(|(address, _)| *address).collect()
    }
}
