use std::{collections::BTreeMap, net::Ipv6Addr};

use mimiq_addressing::Time;
use mimiq_contract::{MacAddr, PortId};
use mimiq_core::{Command, Core, Denial, Granted, Location, Settings, StoreVersion, Stored, Ticket};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::{
    promises::{Asked, Promise, Promises},
    settings::{settings, spec},
    switch::SimSwitch,
};

pub(crate) const GRACE: u64 = 1000;
pub(crate) const COOL_DOWN: u64 = 300;
pub(crate) const LIFETIME: (u64, u64) = (2000, 6000);
pub(crate) const T_SID: u64 = 3000;
pub(crate) const K: u32 = 2;
pub(crate) const STEPS: usize = 500;
pub(crate) const CLIENTS: usize = 5;

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
    pub(crate) started: u64,
    pub(crate) settings: Settings,
    pub(crate) durable: Stored,
    pub(crate) to_store: Option<(StoreVersion, Stored)>,
    pub(crate) switches: Vec<SimSwitch>,
    pub(crate) removed: Vec<SimSwitch>,
    pub(crate) locations: Vec<Location>,
    pub(crate) promises: Promises,
    /// When an alias was last put into a new address, and by which SID.
    pub(crate) aliases: BTreeMap<Ipv6Addr, (u16, u64)>,
    pub(crate) last_ticket: u64,
    pub(crate) calm: bool,
    pub(crate) verbose: bool,
    pub(crate) seen: Seen,
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

    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>7} {}", self.now, what());
        }
    }

    pub(crate) fn time(&self) -> Time {
        Time::from_millis(self.now - self.started)
    }

    /// Tells the core something, and does as it commands.
    pub(crate) fn with(&mut self, tell: impl FnOnce(&mut Core, Time)) {
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

    pub(crate) fn carry_out(&mut self, command: Command) {
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

    pub(crate) fn replied(&mut self, ticket: Ticket, result: Result<Granted, Denial>) {
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
}
