use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use mimiq_addressing::{AliasCodec, Codec, Demand, EpochPolicy, LeasePolicy, LeaseState, NaiveCodec, Time};
use mimiq_contract::{Entry, EntryKey, MacAddr, PortId, Role, tables::*};
use mimiq_core::{
    Command, Core, Denial, Granted, Limits, Location, PoolSpec, Rate, Settings, Status, StoreVersion, Stored,
    SwitchSpec, Ticket, rules,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    promises::{Asked, Promise, Promises},
    switch::SimSwitch,
};

pub(crate) const GRACE: u64 = 1000;
const COOL_DOWN: u64 = 300;
const LIFETIME: (u64, u64) = (2000, 6000);
const T_SID: u64 = 3000;
const K: u32 = 2;
const STEPS: usize = 500;
const CLIENTS: usize = 5;

/// How much has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kills: u64,
    pub(crate) restarts: u64,
    pub(crate) granted: u64,
    pub(crate) denied: u64,
    pub(crate) lost_writes: u64,
    pub(crate) refused_updates: u64,
    pub(crate) epochs: u64,
    pub(crate) moves: u64,
    pub(crate) checks: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.granted += other.granted;
        self.denied += other.denied;
        self.lost_writes += other.lost_writes;
        self.refused_updates += other.refused_updates;
        self.epochs += other.epochs;
        self.moves += other.moves;
        self.checks += other.checks;
    }
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) core: Option<Core>,
    /// When the present controller started: its clock begins there.
    started: u64,
    settings: Settings,
    durable: Stored,
    to_store: Option<(StoreVersion, Stored)>,
    pub(crate) switches: Vec<SimSwitch>,
    removed: Vec<SimSwitch>,
    locations: Vec<Location>,
    promises: Promises,
    /// When an alias was last put into a new address, and by which SID.
    aliases: BTreeMap<Ipv6Addr, (u16, u64)>,
    last_ticket: u64,
    pub(crate) calm: bool,
    verbose: bool,
    pub(crate) seen: Seen,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn spec(n: u16) -> SwitchSpec {
    let edge = n > 3;
    let tunnel_addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n);
    let action = SwitchInfoAction::SetSwitchInfo {
        mac: MacAddr([2, 0, 0, 0, 0, n as u8]),
        tunnel_addr,
        icmp_addr_v6: tunnel_addr,
        icmp_addr_v4: [10, 0, 0, n as u8].into(),
        fabric_mtu: 1540,
    };
    let mut fixed = vec![Entry::SwitchInfo(SwitchInfoKey {}, action)];
    if !edge {
        let role = PortRoleAction::SetRole { role: Role::Client };
        fixed.push(Entry::PortRole(PortRoleKey { port: PortId(1) }, role));
    }
    SwitchSpec { name: format!("s{n}").as_str().into(), sid: (!edge).then_some(n), edge, tunnel_addr, fixed }
}

fn settings(rng: &mut ChaCha8Rng) -> Settings {
    // Few aliases, or few addresses behind each.
    let alias_bits = *[9, 10, 29].choose(rng).unwrap();
    let alias = AliasCodec::new("2001:db8::/96".parse().unwrap(), alias_bits).unwrap();
    let naive = NaiveCodec::new("198.51.100.0/28".parse().unwrap()).unwrap();
    let mut pools = vec![PoolSpec { name: "naive".into(), codec: Codec::Naive(naive) }];
    if rng.random_bool(0.8) {
        pools.push(PoolSpec { name: "alias".into(), codec: Codec::Alias(alias) });
    }
    if rng.random_bool(0.3) {
        let small = NaiveCodec::new("2001:db8:1::/125".parse().unwrap()).unwrap();
        pools.push(PoolSpec { name: "small".into(), codec: Codec::Naive(small) });
    }
    let rate = Rate { per_second: 1000 };
    Settings {
        pools,
        epochs: EpochPolicy { t_sid: ms(T_SID), k: K, aliases_per_sid: 2 },
        leases: LeasePolicy {
            lifetime_min: ms(LIFETIME.0),
            lifetime_max: ms(LIFETIME.1),
            grace: ms(GRACE),
            cool_down: ms(COOL_DOWN),
            quota: 12,
        },
        mtu: 1500,
        limits: Limits { per_client: rate, per_port: rate },
    }
}

impl World {
    /// A schedule from beginning to end.
    pub(crate) fn run(seed: u64, verbose: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let settings = settings(&mut rng);
        let locations = (0..CLIENTS as u16)
            .map(|n| Location { sid: 1 + n % 3, port: PortId(n), mac: MacAddr([2, 0, 0, 1, 0, n as u8]) })
            .collect();
        let mut world = Self {
            now: 0,
            rng,
            core: None,
            started: 0,
            settings,
            durable: Stored::default(),
            to_store: None,
            switches: (1..=5).map(|n| SimSwitch::new(spec(n))).collect(),
            removed: Vec::new(),
            locations,
            promises: Promises::default(),
            aliases: BTreeMap::new(),
            last_ticket: 0,
            calm: false,
            verbose,
            seen: Seen::default(),
        };
        world.the_controller_starts();
        for _ in 0..STEPS {
            world.step();
        }
        world.come_to_rest();
        world
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>7} {}", self.now, what());
        }
    }

    fn time(&self) -> Time {
        Time::from_millis(self.now - self.started)
    }

    /// Tells the core something, and does as it commands.
    fn with(&mut self, tell: impl FnOnce(&mut Core, Time)) {
        let time = self.time();
        let Some(core) = &mut self.core else { return };
        tell(core, time);
        for command in core.take_commands() {
            self.carry_out(command);
        }
    }

    pub(crate) fn advance(&mut self) {
        self.with(|core, now| core.advance(now));
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Write { switch, connection, operations } => {
                let at = self.switches.iter_mut().find(|s| s.id == Some(switch)).expect("a write to no switch");
                if at.connection == Some(connection) {
                    at.inbox.push_back(operations);
                }
            }
            Command::Reconnect { switch, connection } => {
                let at = self.switches.iter_mut().find(|s| s.id == Some(switch)).expect("no switch");
                if at.connection == Some(connection) {
                    at.break_off(&mut self.rng);
                }
            }
            Command::Forget { switch } => {
                let at = self.switches.iter().position(|s| s.id == Some(switch)).expect("no switch");
                let mut gone = self.switches.remove(at);
                gone.id = None;
                gone.break_off(&mut self.rng);
                if let (Some(sid), true) = (gone.spec.sid, gone.emptied) {
                    self.promises.forget(sid);
                }
                self.removed.push(gone);
            }
            Command::Reply { ticket, result } => self.replied(ticket, result),
            Command::Revoke { client, addresses } => {
                let name = self.core.as_ref().and_then(|core| core.client(client)).expect("a client").name.clone();
                let client = name[1..].parse().unwrap();
                for address in addresses {
                    self.promises.end(self.now, address, client, GRACE);
                }
            }
            Command::Store { version, state } => self.to_store = Some((version, state)),
        }
    }

    fn replied(&mut self, ticket: Ticket, result: Result<Granted, Denial>) {
        let Asked { client, location } = self.promises.asked.remove(&ticket).expect("a reply to nobody");
        match result {
            Ok(granted) => {
                self.say(|| {
                    format!("c{client} at {location:?} has {:?} for {:?}", granted.addresses, granted.lifetime)
                });
                self.seen.granted += granted.addresses.len() as u64;
                let until = self.now + granted.lifetime.as_millis() as u64;
                for address in granted.addresses {
                    self.rules_are_there(address, location);
                    self.alias_is_fresh(address, location.sid);
                    let promise = Promise { client, location, until, end: until + GRACE, forgotten: false };
                    self.promises.grant(self.now, address, promise);
                }
            }
            Err(denial) => {
                self.say(|| format!("c{client} is denied: {denial}"));
                self.seen.denied += 1;
            }
        }
    }

    fn alias_prefix(&self, address: IpAddr) -> Option<Ipv6Addr> {
        let IpAddr::V6(v6) = address else { return None };
        self.settings.pools.iter().find_map(|pool| match &pool.codec {
            Codec::Alias(codec) => codec.decode(v6).map(|(alias, _)| codec.alias_prefix(alias)),
            Codec::Naive(_) => None,
        })
    }

    /// rules-before-reply.
    fn rules_are_there(&self, address: IpAddr, location: Location) {
        let has = |switch: &SimSwitch, entry: Entry| switch.tables.get(&entry.key()) == Some(&entry);
        let at = self.switches.iter().find(|s| s.spec.sid == Some(location.sid)).expect("a switch");
        if !at.emptied {
            for rule in [rules::delivery(location, address), rules::guard(location, address)] {
                assert!(has(at, rule), "rules-before-reply: {} lacks {rule:?}", at.spec.name);
            }
        }
        let rule = match self.alias_prefix(address) {
            Some(prefix) => rules::alias(prefix, at.spec.tunnel_addr),
            None => rules::binding(address, at.spec.tunnel_addr),
        };
        let core = self.core.as_ref().unwrap();
        for edge in self.switches.iter().filter(|s| s.spec.edge && !s.emptied) {
            let waived = edge.id.and_then(|id| core.switch(id)).is_none_or(|s| !s.counts_as_edge());
            // One that was away since it came knows nothing, and forwards nothing.
            assert!(
                waived || edge.tables.is_empty() || has(edge, rule),
                "rules-before-reply: {} lacks {rule:?}",
                edge.spec.name
            );
        }
    }

    /// alias-unique.
    fn alias_is_fresh(&mut self, address: IpAddr, sid: u16) {
        let Some(prefix) = self.alias_prefix(address) else { return };
        let rest = T_SID * u64::from(K);
        if let Some((other, at)) = self.aliases.insert(prefix, (sid, self.now)) {
            assert!(other == sid || self.now >= at + rest, "alias-unique: {prefix} of {other} at {at}, of {sid} now");
        }
    }

    /// What must hold at every moment.
    pub(crate) fn check(&mut self) {
        self.seen.checks += 1;
        for (address, promise) in self.promises.by_address.iter().filter(|(_, promise)| promise.end > self.now) {
            let Promise { location, until, .. } = promise;
            let all = self.switches.iter().chain(&self.removed);
            let Some(at) = all.filter(|s| s.spec.sid == Some(location.sid)).find(|s| !s.emptied) else { continue };
            let delivery = rules::delivery(*location, *address);
            let kept = promise.forgotten || at.tables.get(&delivery.key()) == Some(&delivery);
            assert!(kept, "in-flight: {address} {promise:?} at {}", self.now);
            let guard = rules::guard(*location, *address);
            assert!(
                promise.forgotten || *until <= self.now || at.tables.contains_key(&guard.key()),
                "lost: {promise:?} at {}",
                self.now
            );
            // source-guard: nobody else may send from it.
            for switch in self.switches.iter().filter(|s| !s.stale) {
                for key in switch.tables.keys().filter(|key| rules::address_of(key) == Some(*address)) {
                    let is_guard = matches!(key, EntryKey::SourceGuardV6(_) | EntryKey::SourceGuardV4(_));
                    assert!(
                        !is_guard || (*key == guard.key() && switch.spec.sid == Some(location.sid)),
                        "source-guard: {key:?} at {} while {promise:?}",
                        switch.spec.name
                    );
                }
            }
        }
    }

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

    pub(crate) fn some_write_is_answered(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        let refusals = if self.calm { 0.0 } else { 0.05 };
        self.answer(n, refusals);
    }

    fn answer(&mut self, n: usize, refusals: f64) -> bool {
        let switch = &mut self.switches[n];
        let (Some(id), Some(connection)) = (switch.id, switch.connection) else { return false };
        let Some(faults) = switch.carry_out(&mut self.rng, refusals) else { return false };
        self.seen.refused_updates += faults.len() as u64;
        self.with(|core, now| core.switch_wrote(now, id, connection, &faults));
        self.note_synced();
        true
    }

    /// Switches that have all they should again.
    fn note_synced(&mut self) {
        let Some(core) = &self.core else { return };
        for switch in self.switches.iter_mut().filter(|switch| switch.inbox.is_empty()) {
            let known = switch.id.and_then(|id| core.switch(id));
            if known.is_some_and(|known| known.status() == Status::Synced && known.refused() == 0) {
                (switch.emptied, switch.stale) = (false, false);
            }
        }
    }

    pub(crate) fn every_write_is_answered(&mut self) -> bool {
        let mut any = false;
        for n in (0..self.switches.len()).rev() {
            any |= n < self.switches.len() && self.answer(n, 0.0);
        }
        any
    }

    fn lose(&mut self, n: usize) {
        self.say(|| format!("{} is lost", self.switches[n].spec.name));
        let switch = &mut self.switches[n];
        self.seen.lost_writes += u64::from(!switch.inbox.is_empty());
        let (id, connection) = (switch.id, switch.connection);
        switch.break_off(&mut self.rng);
        if let (Some(id), Some(connection)) = (id, connection) {
            self.with(|core, now| core.switch_lost(now, id, connection));
        }
    }

    pub(crate) fn some_connection_breaks(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        self.lose(n);
    }

    pub(crate) fn some_switch_restarts(&mut self) {
        self.seen.restarts += 1;
        let n = self.rng.random_range(0..self.switches.len());
        self.say(|| format!("{} restarts", self.switches[n].spec.name));
        let switch = &mut self.switches[n];
        switch.inbox.clear();
        switch.tables.clear();
        switch.emptied = true;
        let known =
            switch.id.zip(self.core.as_ref()).and_then(|(id, core)| core.switch(id)).is_some_and(|s| s.was_read());
        if let (Some(sid), false) = (switch.spec.sid, known) {
            self.promises.forget(sid);
        }
        self.lose(n);
    }

    pub(crate) fn some_switch_is_cut_off_or_back(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        // Away for a while, there most of the time.
        if self.switches[n].reachable && self.rng.random_bool(0.7) {
            return;
        }
        self.switches[n].reachable ^= true;
        self.say(|| format!("{} reachable: {}", self.switches[n].spec.name, self.switches[n].reachable));
        if !self.switches[n].reachable {
            self.lose(n);
        }
    }

    pub(crate) fn open_connections(&mut self) {
        for n in 0..self.switches.len() {
            let hurry = self.calm || self.rng.random_bool(0.5);
            let switch = &mut self.switches[n];
            let (Some(id), None, true, true) = (switch.id, switch.connection, switch.reachable, hurry) else {
                continue;
            };
            switch.connections += 1;
            switch.connection = Some(switch.connections);
            let (connection, entries) = (switch.connections, switch.entries());
            self.say(|| format!("{} is read: {} entries", self.switches[n].spec.name, entries.len()));
            self.with(|core, now| core.switch_read(now, id, connection, &entries));
            self.note_synced();
        }
    }

    pub(crate) fn the_store_is_written(&mut self) {
        let Some((version, state)) = self.to_store.take() else { return };
        self.say(|| format!("stored: {state:?}"));
        self.durable = state;
        self.with(|core, now| core.stored(now, version));
    }

    pub(crate) fn the_controller_is_killed(&mut self) {
        let Some(core) = self.core.take() else { return };
        self.say(|| "the controller is killed".into());
        self.seen.kills += 1;
        self.seen.epochs += core.stats().epochs;
        // What was being written may be written.
        if let Some((_, state)) = self.to_store.take().filter(|_| self.rng.random_bool(0.5)) {
            self.durable = state;
        }
        self.promises.asked.clear();
        for switch in &mut self.switches {
            self.seen.lost_writes += u64::from(!switch.inbox.is_empty());
            switch.break_off(&mut self.rng);
            switch.id = None;
            if let (Some(sid), true) = (switch.spec.sid, switch.emptied) {
                self.promises.forget(sid);
            }
        }
    }

    pub(crate) fn the_controller_starts(&mut self) {
        if self.core.is_some() {
            return;
        }
        self.say(|| "the controller starts".into());
        self.started = self.now;
        let rng = StdRng::seed_from_u64(self.rng.random());
        let core = Core::new(self.settings.clone(), self.durable.clone(), rng, Time::default()).unwrap();
        self.core = Some(core);
        for n in 0..self.switches.len() {
            let spec = self.switches[n].spec.clone();
            let mut id = None;
            self.with(|core, now| id = Some(core.add_switch(now, spec).unwrap()));
            (self.switches[n].id, self.switches[n].connections, self.switches[n].stale) = (id, 0, true);
        }
        self.with(|core, now| core.start(now));
    }

    pub(crate) fn some_switch_is_drained_or_not(&mut self) {
        let n = self.rng.random_range(0..self.switches.len());
        let (name, drained) = (self.switches[n].spec.name.clone(), self.rng.random_bool(0.2));
        self.say(|| format!("{name} drained: {drained}"));
        self.with(|core, now| core.drain_switch(now, &name, drained).unwrap());
    }

    pub(crate) fn a_switch_is_removed_or_added(&mut self) {
        if self.core.is_none() {
            return;
        }
        if let Some(at) = (0..self.removed.len()).next() {
            // It comes back as it was left, or empty.
            let mut switch = self.removed.swap_remove(at);
            switch.stale = true;
            if self.rng.random_bool(0.5) {
                switch.tables.clear();
                switch.emptied = true;
                switch.spec.sid.into_iter().for_each(|sid| self.promises.forget(sid));
            }
            let spec = switch.spec.clone();
            let mut id = None;
            self.with(|core, now| id = core.add_switch(now, spec).ok());
            (switch.id, switch.connections) = (id, 0);
            self.say(|| format!("{} comes back: {}", switch.spec.name, id.is_some()));
            if id.is_some() { self.switches.push(switch) } else { self.removed.push(switch) }
        } else if self.switches.iter().filter(|s| s.spec.edge).count() > 1 && self.switches.len() == 5 {
            let n = self.rng.random_range(0..self.switches.len());
            let name = self.switches[n].spec.name.clone();
            self.say(|| format!("{name} is removed"));
            self.with(|core, now| core.remove_switch(now, &name).unwrap());
        }
    }

    pub(crate) fn restore_all(&mut self) {
        self.the_controller_starts();
        for switch in &mut self.switches {
            switch.reachable = true;
        }
        let names: Vec<_> = self.switches.iter().map(|s| s.spec.name.clone()).collect();
        for name in names {
            self.with(|core, now| core.drain_switch(now, &name, false).unwrap());
        }
    }

    /// Whether every client that is at a switch gets an address.
    pub(crate) fn all_serve(&mut self) -> bool {
        let ready = self.core.as_ref().is_some_and(|core| core.not_ready().is_empty());
        ready && self.switches.iter().all(|s| !s.emptied)
    }

    /// After all leases have ended: no-leak.
    pub(crate) fn nothing_is_left(&mut self) {
        let core = self.core.as_ref().unwrap();
        let in_use = core.pools().leases().filter(|lease| lease.state != LeaseState::Cooling).count();
        assert_eq!(in_use, 0, "leases that do not end");
        for switch in &self.switches {
            let Some(id) = switch.id else { continue };
            let wanted: BTreeMap<EntryKey, Entry> = core.desired(id).into_iter().map(|e| (e.key(), e)).collect();
            let lacking: Vec<_> = wanted.iter().filter(|(k, v)| switch.tables.get(k) != Some(v)).collect();
            let leaked: Vec<_> = switch.tables.iter().filter(|(k, v)| wanted.get(k) != Some(v)).collect();
            assert!(
                lacking.is_empty() && leaked.is_empty(),
                "no-leak: {} lacks {lacking:?}, has {leaked:?}",
                switch.spec.name
            );
            assert!(!switch.tables.keys().any(|key| rules::address_of(key).is_some()), "no-leak: {}", switch.spec.name);
        }
        self.seen.epochs += core.stats().epochs;
    }
}
