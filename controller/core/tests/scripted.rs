//! Schedules that the simulation's chance seldom finds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

#[path = "simulation/settings.rs"]
#[allow(dead_code)]
mod settings;

/// What `settings` asks for.
mod world {
    pub(crate) const LIFETIME: (u64, u64) = (1_000, 1_000);
    pub(crate) const GRACE: u64 = 500;
    pub(crate) const COOL_DOWN: u64 = 500;
    pub(crate) const T_SID: u64 = 10_000;
    pub(crate) const K: u32 = 2;
}

use std::{collections::BTreeMap, net::IpAddr};

use mimiq_addressing::{Demand, NaiveCodec, Time};
use mimiq_contract::{Entry, EntryKey, MacAddr, PortId};
use mimiq_core::{Command, Core, Fault, Location, Operation, PoolSpec, StoreVersion, Stored, SwitchId, Ticket, rules};
use rand::{SeedableRng as _, rngs::StdRng};
use rand_chacha::ChaCha8Rng;

type Tables = BTreeMap<u16, BTreeMap<EntryKey, Entry>>;

/// Two client-facing switches and an edge.
const SWITCHES: [u16; 3] = [1, 2, 4];
const EVERY_ADDRESS: Demand = Demand { v6: 0, v4: 6 };

fn location(sid: u16) -> Location {
    Location { sid, port: PortId(1), mac: MacAddr([2, 0, 0, 1, 0, sid as u8]) }
}

/// One process of the controller, whose switches and store do at once as they are told.
struct Life<'a> {
    core: Core,
    tables: &'a mut Tables,
    ids: BTreeMap<SwitchId, u16>,
    stored: Vec<Stored>,
    granted: Vec<IpAddr>,
    /// Switches have no room for deliveries.
    full: bool,
    /// Since it is slow, the store has not said yet that it has the last of `stored`.
    slow_store: bool,
    unconfirmed: Option<StoreVersion>,
}

impl<'a> Life<'a> {
    fn begin(stored: Stored, tables: &'a mut Tables, reachable: &[u16]) -> Self {
        let mut life = Self::new(stored, tables);
        life.read(reachable);
        life
    }

    fn new(stored: Stored, tables: &'a mut Tables) -> Self {
        let mut settings = settings::settings(&mut ChaCha8Rng::seed_from_u64(1));
        let codec = mimiq_addressing::Codec::Naive(NaiveCodec::new("198.51.100.0/29".parse().unwrap()).unwrap());
        settings.pools = vec![PoolSpec { name: "naive".into(), codec }];
        let start = Time::from_millis(0);
        let mut core = Core::new(settings, stored.clone(), StdRng::seed_from_u64(2), start).unwrap();
        let add = |n: &u16| (core.add_switch(start, settings::spec(*n)).unwrap(), *n);
        let ids = SWITCHES.iter().map(add).collect();
        core.start(start);
        let (stored, granted) = (vec![stored], Vec::new());
        Self { core, tables, ids, stored, granted, full: false, slow_store: false, unconfirmed: None }
    }

    fn read(&mut self, reachable: &[u16]) {
        for n in reachable {
            let id = *self.ids.iter().find(|(_, of)| *of == n).unwrap().0;
            let entries: Vec<Entry> = self.tables.entry(*n).or_default().values().copied().collect();
            self.tell(0, |core, now| core.switch_read(now, id, 1, &entries));
        }
    }

    fn tell(&mut self, at: u64, tell: impl FnOnce(&mut Core, Time)) {
        let now = Time::from_millis(at);
        tell(&mut self.core, now);
        loop {
            let commands = self.core.take_commands();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Write { switch, connection, operations } => {
                        let table = self.tables.get_mut(&self.ids[&switch]).unwrap();
                        let mut faults = Vec::new();
                        for (index, operation) in operations.into_iter().enumerate() {
                            if self.full && matches!(operation, Operation::Insert(Entry::ClientV4(..))) {
                                faults.push(Fault { index, operation, code: 8, message: "full".into() });
                                continue;
                            }
                            match operation {
                                Operation::Insert(entry) | Operation::Modify(entry) => table.insert(entry.key(), entry),
                                Operation::Delete(key) => table.remove(&key),
                            };
                        }
                        self.core.switch_wrote(now, switch, connection, &faults);
                    }
                    Command::Store { version, state } => {
                        self.stored.push(state);
                        if self.slow_store {
                            self.unconfirmed = Some(version);
                        } else {
                            self.core.stored(now, version);
                        }
                    }
                    Command::Reply { result, .. } => self.granted = result.expect("addresses").addresses,
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    fn take_every_address(&mut self, at: u64, sid: u16) {
        self.tell(at, |core, now| {
            let client = core.client_named(&format!("client of {sid}"));
            core.acquire(now, Ticket(1), client, location(sid), EVERY_ADDRESS);
        });
        assert_eq!(self.granted.len(), 6);
    }
}

/// A switch that is out of reach until its leases have ended.
#[test]
fn what_a_stale_switch_has_does_not_win_over_living_leases() {
    let mut tables = Tables::new();
    let mut first = Life::begin(Stored::default(), &mut tables, &SWITCHES);
    first.take_every_address(10, 1);
    let stored = first.stored.pop().unwrap();

    // It cannot read switch 1, and gives the addresses to a client of switch 2 when they must have ended.
    let mut second = Life::begin(stored, &mut tables, &[2, 4]);
    second.tell(2_100, Core::advance);
    second.take_every_address(2_200, 2);
    let (living, states) = (second.granted.clone(), second.stored.clone());

    // Whichever state the second had stored last.
    let known: Vec<Stored> = states.into_iter().filter(|state| state.stale.contains(&1)).collect();
    assert!(known.len() >= 2, "stored before the addresses were given, and after");
    for state in known {
        let mut tables = tables.clone();
        let mut third = Life::begin(state, &mut tables, &[1, 2, 4]);
        let client = third.core.client_named("client of 2");
        third.core.renew(Time::from_millis(20), client, location(2), living.clone()).expect("renewed");
        drop(third);
        for address in &living {
            let guard = |sid| rules::guard(location(sid), *address);
            assert!(!tables[&1].contains_key(&guard(1).key()), "{address}: its former client may still send from it");
            assert_eq!(tables[&2].get(&guard(2).key()), Some(&guard(2)));
            let binding = rules::binding(*address, settings::spec(2).tunnel_addr);
            assert_eq!(tables[&4].get(&binding.key()), Some(&binding));
        }
    }
}

/// Who is told that the server is ready is served.
#[test]
fn the_server_is_ready_when_it_is_stored_who_may_have_leases() {
    let mut tables = Tables::new();
    let mut life = Life::new(Stored::default(), &mut tables);
    life.slow_store = true;
    life.read(&SWITCHES);
    let waiting = |n| format!("switch {}: it is not stored yet that it may have leases", settings::spec(n).name);
    assert_eq!(life.core.not_ready(), [waiting(1), waiting(2)]);
    life.slow_store = false;
    let stored = life.unconfirmed.take().expect("something to store");
    life.tell(1, |core, now| core.stored(now, stored));
    assert_eq!(life.core.not_ready(), [""; 0]);
    life.take_every_address(10, 1);
}

/// Open ports tell the next process that a switch has all its leases.
#[test]
fn ports_stay_closed_until_all_leases_are_back() {
    let mut tables = Tables::new();
    let mut life = Life::begin(Stored::default(), &mut tables, &SWITCHES);
    life.take_every_address(10, 1);
    let id = *life.ids.iter().find(|(_, n)| **n == 1).unwrap().0;
    life.tables.get_mut(&1).unwrap().clear();
    life.full = true;
    life.tell(20, |core, now| core.switch_read(now, id, 2, &[]));
    let is_port = |entry: &&Entry| matches!(entry, Entry::PortRole(..));
    assert_eq!(life.tables[&1].values().filter(is_port).count(), 0);
    life.full = false;
    // What was refused is written again after two seconds, the ports after two more; leases of one second are renewed meanwhile.
    for at in (100..=4_200).step_by(100) {
        life.tell(at, Core::advance);
        life.tell(at, |core, now| {
            let client = core.client_named("client of 1");
            let held = core.pools().leases().map(|lease| lease.address).collect();
            core.renew(now, client, location(1), held).expect("renewed");
        });
    }
    let delivered = |entry: &&Entry| matches!(entry, Entry::ClientV4(..));
    assert_eq!(life.tables[&1].values().filter(delivered).count(), 6);
    assert_eq!(life.tables[&1].values().filter(is_port).count(), 1);
}
