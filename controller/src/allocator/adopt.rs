//! After a restart: what the switches still have. Leases whose clients nobody knows any more run until their longest
//! possible end, so that running connections survive and no address is given out twice.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv6Addr,
    sync::Arc,
};

use mimiq_addressing::{Alias, Sid};
use mimiq_contract::{Entry, EntryKey, tables::*};

use super::{Book, rules};
use crate::relay::Location;

/// Takes over the leases found in a client-facing switch; returns the entries to be kept.
pub fn adopt_leases(book: &Book, sid: u16, entries: &[Entry]) -> HashSet<EntryKey> {
    let present: HashSet<EntryKey> = entries.iter().map(Entry::key).collect();
    let mut keep = HashSet::new();
    let mut state = book.lock();
    let now = book.now();
    let lifetime = state.pool.policy().lifetime_max;
    for entry in entries {
        let Entry::ClientV6(ClientV6Key { dst_addr }, ClientV6Action::Deliver { port, mac }) = *entry else { continue };
        let location = Location { sid, port, mac };
        let guard = rules::guard(location, dst_addr);
        let leased = present.contains(&guard);
        // Without its guard the lease had ended: the grace begins anew.
        let expires = if leased { now + lifetime } else { now };
        match state.pool.adopt(now, dst_addr, None, location, expires) {
            Ok(()) => {
                keep.insert(entry.key());
                keep.extend(leased.then_some(guard));
            }
            Err(error) => tracing::debug!(address = %dst_addr, %error, "an entry of an unknown lease is deleted"),
        }
    }
    if !keep.is_empty() {
        book.changed.notify_one();
        tracing::info!(sid, entries = keep.len(), "entries of an earlier life are kept until their leases end");
    }
    keep
}

/// Takes over the aliases found in an edge switch; returns the entries to be kept. `tunnels` says the SID of each
/// internal address.
pub fn adopt_aliases(book: &Book, tunnels: &HashMap<Ipv6Addr, u16>, entries: &[Entry]) -> HashSet<EntryKey> {
    let mut keep = HashSet::new();
    let mut state = book.lock();
    let now = book.now();
    let mut known: HashSet<(Sid, Alias)> = state.pool.aliases().collect();
    for entry in entries {
        let Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr }) = *entry else { continue };
        let (Some(sid), Some((alias, 0))) = (tunnels.get(&switch_addr), state.pool.codec().decode(alias_prefix)) else {
            continue;
        };
        let alias = (Sid(*sid), alias);
        // The aliases of the state file, and those that another edge switch has too.
        if known.contains(&alias) || state.pool.adopt_alias(now, alias.0, alias.1).is_ok() {
            known.insert(alias);
            keep.insert(entry.key());
        }
    }
    keep
}

impl Book {
    /// Takes over the aliases of the state file.
    pub fn adopt_stored(self: &Arc<Self>, aliases: &[(Sid, Alias)]) {
        let mut state = self.lock();
        let now = self.now();
        for (sid, alias) in aliases {
            if let Err(error) = state.pool.adopt_alias(now, *sid, *alias) {
                // After a change of pool.alias_bits: the addresses that had it are of another pool.
                tracing::warn!(%error, "an alias of the state file is ignored");
            }
        }
    }

    /// The entry of an alias in edge switches.
    pub fn alias_entry(&self, alias: Alias, switch_addr: Ipv6Addr) -> Entry {
        let alias_prefix = self.lock().pool.codec().alias_prefix(alias);
        Entry::Alias(AliasKey { alias_prefix }, AliasAction::Tunnel { switch_addr })
    }
}
