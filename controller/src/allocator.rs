//! The shell around the core: locks it, tells it what happened, and carries out what it commands.

mod clients;
mod metrics;
mod store;
mod switches;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mimiq_addressing::{Demand, PolicyError, Time};
use mimiq_core::{
    ClientId, Command, Core, Denial, Granted, Location, Settings, StoreVersion, Stored, SwitchId, Ticket,
};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, timeout_at},
};

pub(crate) use clients::octets;
use switches::Session;
pub use switches::SwitchEvents;

use crate::p4rt::Order;

/// The allocation server, shared by connections, sessions and timers. The lock is never held across an await.
#[derive(Debug)]
pub struct Allocator {
    state: Mutex<State>,
    start: Instant,
    /// There is a nearer deadline than the one that is waited for.
    sooner: Notify,
    store: watch::Sender<(StoreVersion, Stored)>,
    ready: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    core: Core,
    /// Requests that wait for their rules.
    replies: HashMap<Ticket, oneshot::Sender<Result<Granted, Denial>>>,
    last_ticket: u64,
    sessions: HashMap<SwitchId, Session>,
    /// The latest connection of each client: pushes go there.
    connections: HashMap<ClientId, quinn::Connection>,
    /// What is waited for.
    deadline: Option<Time>,
}

impl Allocator {
    /// An allocator that knows what was stored, and no switch yet.
    ///
    /// # Errors
    /// If a value of the settings makes no sense; the message names it.
    pub fn new(settings: Settings, stored: Stored) -> Result<Self, PolicyError> {
        let start = Instant::now();
        let core = Core::new(settings, stored.clone(), StdRng::from_os_rng(), Time::default())?;
        let state = State {
            core,
            replies: HashMap::new(),
            last_ticket: 0,
            sessions: HashMap::new(),
            connections: HashMap::new(),
            deadline: None,
        };
        let (store, _) = watch::channel((StoreVersion::default(), stored));
        let (ready, _) = watch::channel(false);
        Ok(Self { state: Mutex::new(state), start, sooner: Notify::new(), store, ready })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the core for a moment; what it commands is carried out, in order.
    pub fn with<T>(&self, use_core: impl FnOnce(&mut Core, Time) -> T) -> T {
        self.with_state(|state, now| use_core(&mut state.core, now))
    }

    fn with_state<T>(&self, use_state: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.lock();
        // Monotonic: steps of the wall clock do not matter. Within the lock, so that it never runs backwards.
        let now = Time::from_elapsed(self.start.elapsed());
        let result = use_state(&mut state, now);
        for command in state.core.take_commands() {
            self.carry_out(&mut state, command);
        }
        let deadline = state.core.next_deadline();
        if deadline.is_some_and(|deadline| state.deadline.is_none_or(|waited_for| deadline < waited_for)) {
            state.deadline = deadline;
            self.sooner.notify_one();
        }
        result
    }

    fn carry_out(&self, state: &mut State, command: Command) {
        match command {
            Command::Write { switch, connection, operations } => {
                state.order(switch, Order::Write { connection, operations });
            }
            Command::Reconnect { switch, connection } => state.order(switch, Order::Reconnect { connection }),
            Command::Forget { switch } => drop(state.sessions.remove(&switch)),
            Command::Reply { ticket, result } => {
                if let Some(reply) = state.replies.remove(&ticket) {
                    // Whoever asked may be gone; then the lease runs out.
                    let _ = reply.send(result);
                }
            }
            Command::Revoke { client, addresses } => {
                if let Some(connection) = state.connections.get(&client) {
                    clients::push_revoke(connection, &addresses);
                }
            }
            Command::Store { version, state } => drop(self.store.send_replace((version, state))),
        }
    }

    /// Gives a client a set of addresses, when every switch that needs a rule has it.
    ///
    /// # Errors
    /// If there are none for it, or a switch does not take the rules.
    pub async fn acquire(&self, client: ClientId, location: Location, demand: Demand) -> Result<Granted, Denial> {
        let (sender, reply) = oneshot::channel();
        self.with_state(|state, now| {
            state.last_ticket += 1;
            let ticket = Ticket(state.last_ticket);
            state.replies.insert(ticket, sender);
            state.core.acquire(now, ticket, client, location, demand);
        });
        reply.await.unwrap_or(Err(Denial::Ended))
    }

    /// Takes back those of the addresses that the client has; says how many.
    ///
    /// # Errors
    /// If the client asks too often.
    pub fn release(&self, client: ClientId, location: Location, addresses: &[IpAddr]) -> Result<u32, Denial> {
        self.with(|core, now| core.release(now, client, location, addresses))
    }

    /// Prolongs leases, all or none.
    ///
    /// # Errors
    /// If the client does not have one of them, or it cannot be prolonged.
    pub fn renew(&self, client: ClientId, location: Location, addresses: Vec<IpAddr>) -> Result<Granted, Denial> {
        self.with(|core, now| core.renew(now, client, location, addresses))
    }

    /// Follows the core's deadlines, for ever.
    pub async fn follow_deadlines(&self) {
        loop {
            let deadline = self.with_state(|state, now| {
                state.core.advance(now);
                state.deadline = state.core.next_deadline();
                state.deadline
            });
            let sooner = self.sooner.notified();
            match deadline {
                // One millisecond later: the core counts whole ones. A day is as good as never: whoever waits looks again.
                Some(deadline) => {
                    let wait = deadline.since(Time::default()).min(self.start.elapsed() + Duration::from_secs(86_400));
                    let _ = timeout_at(self.start + wait + Duration::from_millis(1), sooner).await;
                }
                None => sooner.await,
            }
        }
    }

    /// Waits until every switch has all it needs and aliases are in use, so that clients can be served.
    pub async fn ready(&self) {
        // Ends only with the allocator itself.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Something happened that readiness depends on.
    fn reassess(&self) {
        let ready = self.with(|core, _| core.not_ready().is_empty());
        self.ready.send_if_modified(|known| std::mem::replace(known, ready) != ready);
    }
}

impl State {
    fn order(&self, switch: SwitchId, order: Order) {
        if let Some(session) = self.sessions.get(&switch) {
            // A session that has ended is about to be forgotten.
            let _ = session.orders.send(order);
        }
    }
}
