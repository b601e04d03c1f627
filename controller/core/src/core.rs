use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use mimiq_addressing::{
    Alias, Codec, Demand, Epoch, EpochPolicy, Family, LeasePolicy, PolicyError, PoolId, Pools, Sid, Time,
};
use mimiq_contract::{Entry, PortId};
use rand::rngs::StdRng;
use slab::Slab;

use crate::{
    Client, ClientId, Command, Ended, Location, Rate, StoreVersion, Stored, Switch, SwitchId, SwitchSpec,
    bucket::Bucket, clients::Clients, diff::Wanted, epochs::Pending, requests::Grant, stored::Phase, switch::Status,
    sync::WantedOf, writes::Removal,
};

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pools; a [`PoolId`] counts them.
    pub pools: Vec<PoolSpec>,
    /// The aliases' times.
    pub epochs: EpochPolicy,
    /// The leases' times.
    pub leases: LeasePolicy,
    /// The largest packet that a client may send, bytes.
    pub mtu: u16,
    /// How often clients may ask.
    pub limits: Limits,
}

/// A pool of addresses.
#[derive(Debug, Clone)]
pub struct PoolSpec {
    /// Its name in commands and metrics.
    pub name: String,
    /// The layout of its addresses.
    pub codec: Codec,
}

/// How often clients may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one client.
    pub per_client: Rate,
    /// Requests that come from one port of a switch.
    pub per_port: Rate,
}

/// What has happened so far, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Addresses granted.
    pub granted: u64,
    /// Addresses whose lease was prolonged.
    pub renewed: u64,
    /// Addresses given back.
    pub released: u64,
    /// Addresses that can be drawn again.
    pub freed: u64,
    /// Addresses revoked because their client moved, or by the operator.
    pub revoked: u64,
    /// Addresses taken back because their rules could not be written.
    pub aborted: u64,
    /// Alias epochs that every edge switch has got.
    pub epochs: u64,
    /// Alias epochs that could not be drawn.
    pub epoch_failures: u64,
    /// Entries that a switch refused when it was put right.
    pub refused_entries: u64,
    /// Requests refused for their rate.
    pub rate_limited: u64,
}

/// Aliases of several pools and SIDs.
pub(crate) type Aliases = Vec<(PoolId, Sid, Alias)>;

/// The allocation server and SDN controller without I/O; see the [crate's documentation](crate).
pub struct Core {
    pub(crate) settings: Settings,
    pub(crate) pools: Pools<ClientId, Location>,
    pub(crate) rng: StdRng,
    pub(crate) clients: Clients,
    pub(crate) ports: HashMap<(u16, PortId), Bucket>,
    pub(crate) switches: BTreeMap<SwitchId, Switch>,
    pub(crate) by_sid: HashMap<u16, SwitchId>,
    last_switch: u32,
    pub(crate) grants: Slab<Grant>,
    pub(crate) removals: Slab<Removal>,
    /// Aliases that go when the store knows that they are not in use.
    pub(crate) retired: Vec<(StoreVersion, Aliases)>,
    pub(crate) epochs: BTreeMap<Epoch, Pending>,
    /// No state was stored before: aliases in use are known when the edge switches have been read.
    pub(crate) fresh: bool,
    /// The switches that are there from the beginning have been added.
    pub(crate) started: bool,
    /// What was stored by earlier processes: switches that may have leases nobody here has seen yet.
    pub(crate) unknown: BTreeSet<u16>,
    /// Until when an address of an earlier life may be in use.
    pub(crate) unknown_until: Time,
    /// Until when an address of an earlier life may have to rest.
    pub(crate) cool_until: Time,
    pub(crate) state: Stored,
    /// With which version the store learns that this SID's switch was empty.
    pub(crate) emptied: BTreeMap<u16, StoreVersion>,
    /// With which version the store learns of switches that were out of reach until their leases had ended.
    pub(crate) lifting: StoreVersion,
    /// With which version a SID was stored first.
    pub(crate) new_sids: BTreeMap<u16, StoreVersion>,
    pub(crate) version: StoreVersion,
    pub(crate) stored_version: StoreVersion,
    pub(crate) commands: Vec<Command>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) stats: Stats,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("switches", &self.switches.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// A core that knows what was stored, and nothing of switches and clients yet.
    ///
    /// # Errors
    /// If a value of the policies makes no sense; the message names it.
    pub fn new(settings: Settings, stored: Stored, rng: StdRng, now: Time) -> Result<Self, PolicyError> {
        let codecs = settings.pools.iter().map(|pool| pool.codec).collect();
        let pools = Pools::new(codecs, settings.epochs, settings.leases)?;
        let unknown_until = now + settings.leases.longest_hold();
        let cool_until = if stored == Stored::default() { now } else { now + settings.leases.cool_down };
        let mut core = Self {
            settings,
            pools,
            rng,
            clients: Clients::default(),
            ports: HashMap::new(),
            switches: BTreeMap::new(),
            by_sid: HashMap::new(),
            last_switch: 0,
            grants: Slab::new(),
            removals: Slab::new(),
            retired: Vec::new(),
            epochs: BTreeMap::new(),
            fresh: stored == Stored::default(),
            started: false,
            unknown: stored.sids.clone(),
            unknown_until,
            cool_until,
            state: stored,
            emptied: BTreeMap::new(),
            lifting: StoreVersion::default(),
            new_sids: BTreeMap::new(),
            version: StoreVersion::default(),
            stored_version: StoreVersion::default(),
            commands: Vec::new(),
            ended: Vec::new(),
            stats: Stats::default(),
        };
        core.take_over_stored_aliases(now);
        core.settle_quarantine(now);
        Ok(core)
    }

    fn take_over_stored_aliases(&mut self, now: Time) {
        for stored in self.state.aliases.clone() {
            let Some((pool, alias)) = self.alias_at(stored.prefix) else {
                // After a change of the pools: the addresses that had it are of no pool.
                tracing::warn!("an alias of the state file fits no pool and is ignored");
                continue;
            };
            let result = match stored.phase {
                Phase::Usable => self.pools.resume_alias(now, pool, Sid(stored.sid), alias),
                Phase::Old => self.pools.adopt_alias(now, pool, Sid(stored.sid), alias),
            };
            if let Err(error) = result {
                tracing::warn!(%error, "an alias of the state file is ignored");
            }
        }
    }

    /// Adds a switch: it is away until it is read. An edge switch that was not there before counts when it has all that the
    /// others have.
    ///
    /// # Errors
    /// If its name or SID is another's, or the alias space is too small for one more SID.
    pub fn add_switch(&mut self, now: Time, spec: SwitchSpec) -> Result<SwitchId, crate::TopologyError> {
        self.check_new(&spec)?;
        self.last_switch += 1;
        let id = SwitchId(self.last_switch);
        let drained = self.state.drained.contains(&*spec.name);
        if let Some(sid) = spec.sid {
            self.by_sid.insert(sid, id);
        }
        if spec.edge && self.fresh && !self.started {
            // No alias is in use anywhere.
            self.state.edges.insert(spec.name.to_string());
        }
        let joining = spec.edge && !self.state.edges.contains(&*spec.name);
        self.switches.insert(id, Switch::new(spec, drained, joining));
        self.settle_quarantine(now);
        self.draw_first_aliases(now);
        Ok(id)
    }

    /// The switches that are there from the beginning have been added: the first aliases can be drawn.
    pub fn start(&mut self, now: Time) {
        self.started = true;
        let switches = &self.switches;
        self.state.edges.retain(|name| switches.values().any(|switch| switch.edge && *switch.name == **name));
        self.retire_unknown_sids(now);
        self.draw_first_aliases(now);
        self.pump_all();
    }

    /// What is to be done since the last call, in order.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// The client with this name.
    pub fn client_named(&mut self, name: &str) -> ClientId {
        self.clients.named(name)
    }

    /// The client with this name, if it was seen.
    pub fn find_client(&self, name: &str) -> Option<ClientId> {
        self.clients.find(name)
    }

    /// What is known of a client.
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(id)
    }

    /// All clients seen so far.
    pub fn clients(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.clients.iter()
    }

    /// All switches.
    pub fn switches(&self) -> impl Iterator<Item = (SwitchId, &Switch)> {
        self.switches.iter().map(|(id, switch)| (*id, switch))
    }

    /// A switch.
    pub fn switch(&self, id: SwitchId) -> Option<&Switch> {
        self.switches.get(&id)
    }

    /// The pools and all leases.
    pub fn pools(&self) -> &Pools<ClientId, Location> {
        &self.pools
    }

    /// The operator's decisions.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how often clients may ask.
    pub fn set_limits(&mut self, limits: Limits) {
        self.settings.limits = limits;
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether new aliases wait for the store or an edge switch.
    pub fn epoch_pending(&self) -> bool {
        !self.epochs.is_empty()
    }

    /// Why clients are not served as they should be; empty if the server is ready. For people.
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for switch in self.switches.values().filter(|switch| !switch.drained && !switch.leaving) {
            match switch.status {
                Status::Away => reasons.push(format!("switch {}: not available", switch.name)),
                Status::Syncing => reasons.push(format!("switch {}: {} updates to go", switch.name, switch.pending())),
                Status::Synced => {}
            }
            if let Some(sid) = switch.sid
                && self.alias_codecs().next().is_some()
                && !self.pools.usable_aliases().any(|(_, of, _)| of == Sid(sid))
            {
                reasons.push(format!("switch {}: its SID aliases are not confirmed", switch.name));
            }
        }
        reasons
    }

    /// What a switch's tables should be.
    pub fn desired(&self, id: SwitchId) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(switch) = self.switches.get(&id) {
            WantedOf { core: self, switch }.each(&mut |entry| entries.push(entry));
        }
        entries
    }

    /// When [`advance`](Self::advance) has something to do next; may be past.
    pub fn next_deadline(&self) -> Option<Time> {
        let retries = self.switches.values().flat_map(|switch| [switch.retry, switch.reread]).flatten();
        let unknown = (self.has_unknown() && self.lifting <= self.stored_version).then_some(self.unknown_until);
        [self.pools.next_deadline(), self.pools.next_rotation(), unknown].into_iter().flatten().chain(retries).min()
    }

    pub(crate) fn naive_pools(&self) -> impl Iterator<Item = PoolId> {
        let naive = |(n, pool): (usize, &PoolSpec)| matches!(pool.codec, Codec::Naive(_)).then_some(PoolId(n as u16));
        self.settings.pools.iter().enumerate().filter_map(naive)
    }

    /// Whether a pool without aliases may serve the demand.
    pub(crate) fn has_naive(&self, demand: Demand) -> bool {
        let serves = |family| match family {
            Family::V6 => demand.v6 > 0,
            Family::V4 => demand.v4 > 0,
        };
        self.settings.pools.iter().any(|pool| matches!(pool.codec, Codec::Naive(_)) && serves(pool.codec.family()))
    }
}
