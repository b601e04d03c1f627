//! What clients were promised, what the switches have, and whether the two fit.
//!
//! Times are bounds: a promise lasts at least from its reply on, until its lifetime after its request. Within these
//! bounds everything must hold, however slow the machine is.

mod grants;
mod promise;
mod snapshot;
mod stats;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mimiq_contract::{Entry, EntryKey, tables::*};
use tokio::{sync::watch, time::Instant};

use super::{fabric::Place, p4::Tables};
use crate::journal::Journal;
pub use grants::{Asked, Renewal};
use promise::{Promise, Standing};
pub use snapshot::Snapshot;
pub use stats::Stats;

/// How long the controller may take over what has no deadline, when nothing goes wrong.
const SLACK: Duration = Duration::from_secs(10);

/// What the network was configured to do.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Least t_ip.
    pub t_ip_min: Duration,
    /// Greatest t_ip.
    pub t_ip_max: Duration,
    /// t_remove.
    pub grace: Duration,
    /// How long an address rests.
    pub cool_down: Duration,
    /// k × t_sid.
    pub validity: Duration,
    /// Selects prefix and alias of addresses, if IPv6 addresses have any.
    pub alias_mask: Option<Ipv6Addr>,
    /// How many aliases an edge has at most, when nothing is amiss.
    pub most_aliases: usize,
    /// The internal address of each client-facing switch.
    pub tunnels: HashMap<u16, Ipv6Addr>,
}

/// A switch, as the ledger knows it.
#[derive(Debug, Default)]
struct View {
    name: String,
    /// If clients are connected to it.
    sid: Option<u16>,
    edge: bool,
    /// Counts its deaths.
    generation: u64,
    running: bool,
    /// What it has for good.
    statics: Option<Tables>,
    /// The controller has said that it is in sync, in this generation.
    in_sync: bool,
    /// In which life of the controller that was.
    synced: Option<u64>,
    /// And it was seen so.
    complete: bool,
    /// A binding asked for when the controller was ready was there in this generation: those owed before are, too.
    bound: bool,
    /// Entries seen in this generation.
    seen: HashSet<EntryKey>,
    /// Since when guards have been there.
    guards: HashMap<EntryKey, Instant>,
    /// From when to when deliveries were seen for sure.
    deliveries: HashMap<EntryKey, (Instant, Instant)>,
}

/// All that is known.
pub struct Ledger {
    state: Mutex<State>,
    terms: Terms,
    journal: Journal,
    failed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    switches: Vec<View>,
    promises: HashMap<IpAddr, Promise>,
    places: HashSet<Place>,
    /// Where each alias leads, and when it was last seen.
    aliases: HashMap<Ipv6Addr, (Ipv6Addr, Instant)>,
    /// Counts the controller's deaths.
    life: u64,
    alive: bool,
    /// When its present life began.
    started: Option<Instant>,
    /// It has read all switches.
    ready: bool,
    /// Since when nothing goes wrong, if so.
    calm: Option<Instant>,
    renewed: HashMap<IpAddr, Instant>,
    /// Sets given at each client-facing switch.
    served: HashMap<u16, u64>,
    stats: Stats,
    violations: Vec<String>,
}

impl Ledger {
    /// Nothing is known yet. `switches`: name, SID, whether it is an edge.
    pub fn new(terms: Terms, switches: &[(String, Option<u16>, bool)], journal: Journal) -> Self {
        let view = |(name, sid, edge): &(String, Option<u16>, bool)| View {
            name: name.clone(),
            sid: *sid,
            edge: *edge,
            running: true,
            ..View::default()
        };
        let state = State { switches: switches.iter().map(view).collect(), ..State::default() };
        Self { state: Mutex::new(state), terms, journal, failed: watch::channel(false).0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violate(&self, state: &mut State, property: &str, what: std::fmt::Arguments<'_>) {
        let text = format!("{property}: {what}");
        self.journal.note("VIOLATION", format_args!("{text}"));
        state.violations.push(text);
        self.failed.send_replace(true);
    }

    /// Something that must not be, found by others.
    pub fn report(&self, property: &str, what: std::fmt::Arguments<'_>) {
        self.violate(&mut self.lock(), property, what);
    }

    /// Becomes true when something that must hold does not.
    pub fn failed(&self) -> watch::Receiver<bool> {
        self.failed.subscribe()
    }

    /// What did not hold.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    /// How many sets clients of a switch were given so far.
    pub fn served(&self, sid: u16) -> u64 {
        self.lock().served.get(&sid).copied().unwrap_or_default()
    }

    /// Changes the counts.
    pub fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock().stats);
    }

    /// The controller is about to die.
    pub fn controller_dies(&self) {
        let state = &mut *self.lock();
        (state.alive, state.ready) = (false, false);
        state.life += 1;
        state.calm = None;
        for promise in state.promises.values_mut() {
            promise.controller_dies();
        }
    }

    /// The controller was started; returns which life of it this is.
    pub fn controller_starts(&self) -> u64 {
        let mut state = self.lock();
        state.alive = true;
        state.started = Some(Instant::now());
        state.life
    }

    /// The controller has read all switches.
    pub fn controller_ready(&self, life: u64) {
        let state = &mut *self.lock();
        if state.life == life {
            state.ready = true;
            for promise in state.promises.values_mut() {
                promise.controller_ready(life);
            }
        }
    }

    /// A switch is about to die.
    pub fn switch_dies(&self, index: usize) {
        let state = &mut *self.lock();
        state.calm = None;
        let (alive, life) = (state.alive, state.life);
        let Some(view) = state.switches.get_mut(index) else { return };
        view.generation += 1;
        (view.running, view.in_sync, view.complete, view.bound) = (false, false, false, false);
        view.seen.clear();
        view.guards.clear();
        view.deliveries.clear();
        let (sid, now) = (view.sid, Instant::now());
        for promise in state.promises.values_mut().filter(|promise| Some(promise.place.sid) == sid) {
            promise.switch_dies(alive, life);
            state.stats.excused += u64::from(promise.delivers(now, now) && promise.delivery == Standing::Lost);
        }
    }

    /// It was started again, empty.
    pub fn switch_starts(&self, index: usize) {
        if let Some(view) = self.lock().switches.get_mut(index) {
            view.running = true;
        }
    }

    /// How often a switch died.
    pub fn generation(&self, index: usize) -> u64 {
        self.lock().switches.get(index).map_or(0, |view| view.generation)
    }

    /// The controller says that a switch has all that it should.
    pub fn in_sync(&self, name: &str) {
        let state = &mut *self.lock();
        if let Some(view) = state.switches.iter_mut().find(|view| view.name == name && view.running) {
            (view.in_sync, view.synced) = (true, Some(state.life));
        }
    }

    /// Something goes wrong from now on.
    pub fn trouble(&self) {
        self.lock().calm = None;
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        self.lock().calm = Some(Instant::now());
    }

    /// Whether a controller that was started anew could not put this switch right for longer than any lease: what it has
    /// from before may be somebody else's elsewhere.
    fn is_stale(&self, state: &State, index: usize) -> bool {
        let hold = self.terms.t_ip_max + self.terms.grace + self.terms.cool_down;
        let unseen = state.switches.get(index).is_some_and(|view| view.synced != Some(state.life));
        unseen && state.started.is_some_and(|started| started.elapsed() > hold)
    }

    /// What a switch has without any client.
    pub fn learn_statics(&self, index: usize, tables: &Tables) {
        if let Some(view) = self.lock().switches.get_mut(index) {
            view.statics = Some(tables.iter().filter(|(key, _)| is_static(key)).map(|(k, e)| (*k, *e)).collect());
        }
    }

    /// What a switch with these tables has too much or too little when all leases have ended; `None` if nothing.
    pub fn surplus(&self, index: usize, tables: &Tables) -> Option<String> {
        let state = self.lock();
        let view = state.switches.get(index)?;
        let statics = view.statics.as_ref()?;
        let extra: Vec<_> = tables
            .values()
            .filter(|entry| match entry {
                Entry::Alias(..) => !view.edge,
                entry => statics.get(&entry.key()) != Some(entry),
            })
            .collect();
        let lacking: Vec<_> = statics.keys().filter(|key| !tables.contains_key(key)).collect();
        let aliases = tables.keys().filter(|key| matches!(key, EntryKey::Alias(_))).count();
        let clean = extra.is_empty() && lacking.is_empty() && aliases <= self.terms.most_aliases;
        (!clean).then(|| format!("{}: too much: {extra:?}; too little: {lacking:?}; {aliases} aliases", view.name))
    }

    /// The entry that leads to an address at the edges.
    pub fn edge_entry(&self, address: IpAddr, sid: u16) -> Option<Entry> {
        let switch_addr = *self.terms.tunnels.get(&sid)?;
        Some(match (address, self.terms.alias_mask) {
            (IpAddr::V6(address), Some(mask)) => {
                let key = AliasKey { alias_prefix: address & mask };
                Entry::Alias(key, AliasAction::Tunnel { switch_addr })
            }
            (IpAddr::V6(dst_addr), None) => {
                Entry::BindingV6(BindingV6Key { dst_addr }, BindingV6Action::Tunnel { switch_addr })
            }
            (IpAddr::V4(dst_addr), _) => {
                Entry::BindingV4(BindingV4Key { dst_addr }, BindingV4Action::Tunnel { switch_addr })
            }
        })
    }
}

impl Ledger {
    /// Whether each edge has an entry for this very address.
    fn is_bound(&self, address: IpAddr, sid: u16) -> bool {
        matches!(self.edge_entry(address, sid), Some(Entry::BindingV6(..) | Entry::BindingV4(..)))
    }
}

/// What is there because of the configuration alone.
fn is_static(key: &EntryKey) -> bool {
    !matches!(
        key,
        EntryKey::SourceGuardV6(_)
            | EntryKey::SourceGuardV4(_)
            | EntryKey::ClientV6(_)
            | EntryKey::ClientV4(_)
            | EntryKey::Alias(_)
            | EntryKey::BindingV6(_)
            | EntryKey::BindingV4(_)
    )
}

/// The entry that delivers an address to a client.
pub fn delivery(address: IpAddr, Place { port, mac, .. }: Place) -> Entry {
    match address {
        IpAddr::V6(dst_addr) => Entry::ClientV6(ClientV6Key { dst_addr }, ClientV6Action::Deliver { port, mac }),
        IpAddr::V4(dst_addr) => Entry::ClientV4(ClientV4Key { dst_addr }, ClientV4Action::Deliver { port, mac }),
    }
}

/// The key of the entry that lets a client send from an address.
pub fn guard(address: IpAddr, Place { port, mac: src_mac, .. }: Place) -> EntryKey {
    match address {
        IpAddr::V6(src_addr) => EntryKey::SourceGuardV6(SourceGuardV6Key { port, src_mac, src_addr }),
        IpAddr::V4(src_addr) => EntryKey::SourceGuardV4(SourceGuardV4Key { port, src_mac, src_addr }),
    }
}
