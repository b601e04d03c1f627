//! The allocation server without its protocol: the pool, and the rules that each lease and alias needs in the switches.

mod adopt;
mod clients;
mod expiry;
mod rotation;
mod rules;

use std::{
    collections::HashMap,
    net::Ipv6Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::counter;
use mimiq_addressing::{
    Alias, AliasCodec, AliasPool, CodecError, EpochPolicy, LeasePolicy, PolicyError, Refusal, RenewError, Sid, Time,
};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{sync::Notify, time::Instant};

pub use adopt::{adopt_aliases, adopt_leases};
pub use clients::ClientId;
use clients::Clients;

use crate::{
    config::Config,
    p4rt::{SwitchHandle, WriteError},
    relay::Location,
    store::Store,
};

/// When a client should try again after a switch failed it.
pub const RETRY: Duration = Duration::from_secs(1);

/// The pool and who has what, shared by requests, timers and sessions. The lock is never held across an await.
pub struct Book {
    state: Mutex<State>,
    start: Instant,
    /// There may be a nearer deadline.
    changed: Notify,
}

struct State {
    pool: AliasPool<ClientId, Location>,
    rng: StdRng,
    clients: Clients,
    /// Deleted aliases, and until when they must not be drawn again.
    resting: Vec<(Time, Sid, Alias)>,
}

/// Why a pool cannot be made from the configuration.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The layout of the addresses.
    #[error("pool")]
    Codec(#[from] CodecError),
    /// The lifetimes.
    #[error("timing")]
    Policy(#[from] PolicyError),
}

impl Book {
    /// An empty pool as configured.
    ///
    /// # Errors
    /// If the configuration has values that make no sense.
    pub fn new(config: &Config) -> Result<Self, PoolError> {
        let codec = AliasCodec::new(config.pool.prefix, config.pool.alias_bits)?;
        let pool = AliasPool::new(codec, epoch_policy(config), lease_policy(config))?;
        let state = State { pool, rng: StdRng::from_os_rng(), clients: Clients::default(), resting: Vec::new() };
        Ok(Self { state: Mutex::new(state), start: Instant::now(), changed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Monotonic: steps of the wall clock do not matter.
    fn now(&self) -> Time {
        Time::from_elapsed(self.start.elapsed())
    }

    fn instant(&self, time: Time) -> Instant {
        // A day is as good as never: whoever waits looks again.
        self.start + time.since(Time::default()).min(self.start.elapsed() + Duration::from_secs(86_400))
    }
}

/// The lifetimes in the pool's terms.
pub fn lease_policy(config: &Config) -> LeasePolicy {
    let timing = &config.timing;
    LeasePolicy {
        lifetime_min: timing.t_ip.min,
        lifetime_max: timing.t_ip.max,
        grace: timing.t_remove,
        cool_down: timing.cool_down,
        quota: config.limits.addresses_per_client,
    }
}

/// The alias epochs in the pool's terms.
pub fn epoch_policy(config: &Config) -> EpochPolicy {
    let timing = &config.timing;
    EpochPolicy { t_sid: timing.t_sid, k: timing.k, aliases_per_sid: config.pool.aliases_per_sid.into() }
}

/// A client-facing switch and an edge switch are the same thing here: a session.
pub struct Allocator {
    book: Arc<Book>,
    switches: HashMap<u16, SwitchHandle>,
    edges: Vec<SwitchHandle>,
    tunnels: HashMap<u16, Ipv6Addr>,
    store: Arc<Store>,
    codec: AliasCodec,
    /// k × t_sid.
    validity: Duration,
    grace: Duration,
    mtu: u16,
}

/// Addresses that a client may use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The addresses.
    pub addresses: Vec<Ipv6Addr>,
    /// How long the client may send from them.
    pub lifetime: Duration,
    /// How much longer packets to them are delivered.
    pub grace: Duration,
    /// The largest packet it may send, bytes.
    pub mtu: u16,
}

/// Why a client got nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// By the pool's rules.
    #[error(transparent)]
    Pool(#[from] Refusal),
    /// By the pool's rules for renewals.
    #[error(transparent)]
    Renew(#[from] RenewError),
    /// A switch could not be given the rules.
    #[error(transparent)]
    Switch(#[from] WriteError),
    /// The client was seen elsewhere before the rules were in place.
    #[error("the client moved, or the lease ended, before its rules were in place")]
    Ended,
}

impl Allocator {
    /// Joins the pool and the sessions: `switches` are the client-facing ones by SID.
    pub fn new(
        config: &Config,
        book: Arc<Book>,
        switches: HashMap<u16, SwitchHandle>,
        edges: Vec<SwitchHandle>,
        store: Arc<Store>,
    ) -> Self {
        let tunnels = config.switches.iter().filter_map(|s| Some((s.sid?, s.tunnel_addr))).collect();
        let (grace, mtu) = (config.timing.t_remove, config.client_mtu());
        let codec = *book.lock().pool.codec();
        let validity = epoch_policy(config).validity();
        Self { book, switches, edges, tunnels, store, codec, validity, grace, mtu }
    }

    /// The client with this name, which is at `location` now and reached over `connection`. If it was elsewhere before,
    /// its addresses there are revoked: their switch would not let it use them here.
    pub fn client(&self, name: &str, location: Location, connection: &quinn::Connection) -> ClientId {
        let mut state = self.book.lock();
        let client = state.clients.named(name);
        state.clients.connected(client, connection);
        let revoked = state.clients.moved(client, location);
        if !revoked.is_empty() {
            counter!("mimiq_controller_revocations_total").increment(revoked.len() as u64);
            tracing::info!(addresses = revoked.len(), "a client moved: its addresses are revoked");
            let now = self.book.now();
            let ended = revoked.iter().filter_map(|address| state.pool.revoke(now, *address)).collect::<Vec<_>>();
            self.stop_sending(&ended);
            clients::push_revoke(connection, &revoked);
            self.book.changed.notify_one();
        }
        client
    }

    /// Gives a client a set of addresses, when its switch lets it use them (rules-before-reply). The edge switches
    /// know the aliases in them already.
    ///
    /// # Errors
    /// If there are none for it, or its switch does not take the rules.
    pub async fn acquire(&self, client: ClientId, location: Location, count: u32) -> Result<Granted, Denial> {
        let sid = location.sid;
        let switch = self.switches.get(&sid).ok_or(Refusal::UnknownSid(Sid(sid)))?;
        if !switch.is_synced() {
            return Err(WriteError::Unavailable(switch.name().into()).into());
        }
        let now = self.book.now();
        let set = {
            let state = &mut *self.book.lock();
            let set = state.pool.acquire(now, &mut state.rng, client, Sid(sid), location, count)?;
            state.clients.holds(client, set.addresses.iter().map(|(address, _)| *address));
            set
        };
        self.book.changed.notify_one();
        let addresses: Vec<Ipv6Addr> = set.addresses.into_iter().map(|(address, _)| address).collect();
        let written = switch.set(rules::entries(location, &addresses)).await;

        let mut state = self.book.lock();
        let now = self.book.now();
        let lifetime = set.expires.since(now);
        let held = addresses.iter().all(|address| state.clients.has(client, address));
        let denial = match written {
            Ok(()) if held && !lifetime.is_zero() => {
                return Ok(Granted { addresses, lifetime, grace: self.grace, mtu: self.mtu });
            }
            Ok(()) => Denial::Ended,
            Err(error) => error.into(),
        };
        for address in &addresses {
            // One that has ended meanwhile is on its way out already.
            let _ = state.pool.release(now, client, *address);
            state.clients.lost(client, address);
        }
        drop(switch.remove(rules::keys(location, &addresses)));
        self.book.changed.notify_one();
        Err(denial)
    }

    /// Takes back those of the addresses that the client has; says how many.
    pub fn release(&self, client: ClientId, addresses: &[Ipv6Addr]) -> u32 {
        let mut state = self.book.lock();
        let now = self.book.now();
        let mut ended = Vec::new();
        for address in addresses {
            if state.pool.release(now, client, *address).is_ok() {
                state.clients.lost(client, address);
                ended.extend(state.pool.get(*address));
            }
        }
        self.stop_sending(&ended);
        self.book.changed.notify_one();
        ended.len() as u32
    }

    /// Prolongs leases, all or none.
    ///
    /// # Errors
    /// If the client does not have one of them, or its alias ends too soon.
    pub fn renew(&self, client: ClientId, addresses: Vec<Ipv6Addr>) -> Result<Granted, Denial> {
        let state = &mut *self.book.lock();
        let now = self.book.now();
        let expires = state.pool.renew(now, &mut state.rng, client, &addresses)?;
        self.book.changed.notify_one();
        Ok(Granted { addresses, lifetime: expires.since(now), grace: self.grace, mtu: self.mtu })
    }

    /// Tells all clients that the server stops.
    pub fn drain(&self) {
        self.book.lock().clients.drain();
    }
}
