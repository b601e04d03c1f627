//! The stock of addresses: what is free, who holds what, when each one ends. Pure: time and events in, commands out.
//!
//! An address is given out once. What comes back is released to the allocation server, never given again.

mod counts;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An application's connection to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub u64);

/// What the stock wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the allocation server for a set of this many addresses.
    Acquire(u32),
    /// Give addresses back to the allocation server.
    Release(Vec<IpAddr>),
    /// Make an address local to this host.
    Install(IpAddr),
    /// Undo [`Command::Install`].
    Remove(IpAddr),
    /// Answer a take.
    Give {
        /// Who asked.
        app: AppId,
        /// What it gets.
        address: IpAddr,
        /// How long it may send from the address.
        lifetime: Duration,
        /// The largest packet, bytes.
        mtu: u32,
    },
    /// Answer a take or a return in the negative.
    Refuse {
        /// Who asked.
        app: AppId,
        /// Why.
        message: String,
        /// When a new attempt may succeed; zero if it will not.
        retry_after: Duration,
    },
    /// Answer a return.
    Returned(AppId),
    /// Tell an application to stop sending from an address.
    Expire(AppId, IpAddr),
}

/// A set of addresses as granted by the allocation server (MIMIQ §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// How long they may be sent from (t_ip).
    pub lifetime: Duration,
    /// How long after that packets to them are still delivered (t_remove).
    pub grace: Duration,
    /// The largest packet, bytes.
    pub mtu: u32,
}

/// How many free addresses to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// With fewer than this, more are acquired.
    pub low: u32,
    /// Up to this many.
    pub high: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Held(AppId),
    /// Its holder was told; the address stays local for packets in flight.
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    /// Not given out from here on.
    stale: Instant,
    /// Its holder is told here.
    notice: Instant,
    /// Nobody sends from it from here on.
    end: Instant,
    /// Packets to it are delivered until here.
    grace_end: Instant,
    mtu: u32,
}

struct Waiter {
    app: AppId,
    deadline: Instant,
}

/// The longest time that a holder is told before its address ends.
const NOTICE: Duration = Duration::from_secs(2);

/// The state of the stock.
pub struct Stock {
    marks: Marks,
    entries: HashMap<IpAddr, Entry>,
    /// Free addresses in the order of their grant.
    free: VecDeque<IpAddr>,
    waiters: VecDeque<Waiter>,
    acquiring: bool,
    /// The largest set worth asking for, after refusals.
    largest: u32,
    not_before: Option<Instant>,
    draining: bool,
}

impl Stock {
    /// An empty stock.
    #[must_use]
    pub fn new(marks: Marks) -> Self {
        Self {
            marks,
            entries: HashMap::new(),
            free: VecDeque::new(),
            waiters: VecDeque::new(),
            acquiring: false,
            largest: u32::MAX,
            not_before: None,
            draining: false,
        }
    }

    /// How many addresses can be given out at once.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// How many addresses applications hold.
    #[must_use]
    pub fn held(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.state, State::Held(_))).count()
    }

    /// The allocation server granted a set. Addresses that the stock knows already are passed over.
    pub fn granted(&mut self, now: Instant, grant: &Grant, out: &mut Vec<Command>) {
        self.acquiring = false;
        self.largest = u32::MAX;
        self.not_before = None;
        let notice = NOTICE.min(grant.lifetime / 4);
        for &address in &grant.addresses {
            if self.entries.contains_key(&address) {
                tracing::warn!("the allocation server granted an address that is already here");
                continue;
            }
            let end = now + grant.lifetime;
            let entry = Entry {
                state: State::Free,
                stale: end - grant.lifetime / 4 - notice,
                notice: end - notice,
                end,
                grace_end: end + grant.grace,
                mtu: grant.mtu,
            };
            self.entries.insert(address, entry);
            self.free.push_back(address);
            out.push(Command::Install(address));
        }
        self.poll(now, out);
    }

    /// The allocation server refused, or could not be asked. With `smaller`, half as many are asked for next time.
    pub fn acquire_failed(&mut self, now: Instant, asked: u32, retry_after: Duration, smaller: bool) {
        self.acquiring = false;
        self.not_before = Some(now + retry_after);
        if smaller {
            self.largest = (asked / 2).max(1);
        }
    }

    /// The session with the allocation server is there (again).
    pub fn connected(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.draining = false;
        self.not_before = None;
        self.poll(now, out);
    }

    /// The allocation server stops soon: nothing more is acquired from it.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// An application wants an address and waits for it up to `wait`.
    pub fn take(&mut self, now: Instant, app: AppId, wait: Duration, out: &mut Vec<Command>) {
        self.waiters.push_back(Waiter { app, deadline: now + wait });
        self.poll(now, out);
    }

    /// An application gives an address back.
    pub fn give_back(&mut self, now: Instant, app: AppId, address: IpAddr, out: &mut Vec<Command>) {
        match self.entries.get(&address).map(|entry| entry.state) {
            Some(State::Held(holder)) if holder == app => {
                self.entries.remove(&address);
                out.extend([Command::Remove(address), Command::Release(vec![address]), Command::Returned(app)]);
            }
            // Its holder may not have seen the end yet.
            Some(State::Ended) => out.push(Command::Returned(app)),
            _ => out.push(Command::Refuse {
                app,
                message: format!("address: {address} is not held by this application"),
                retry_after: Duration::ZERO,
            }),
        }
        self.poll(now, out);
    }

    /// An application's connection closed: what it held is released.
    pub fn gone(&mut self, now: Instant, app: AppId, out: &mut Vec<Command>) {
        self.waiters.retain(|waiter| waiter.app != app);
        self.release_where(|entry| entry.state == State::Held(app), out);
        self.poll(now, out);
    }

    /// The allocation server took addresses away: their lifetime ends now, their grace begins.
    pub fn revoked(&mut self, now: Instant, addresses: &[IpAddr], out: &mut Vec<Command>) {
        for address in addresses {
            if let Some(entry) = self.entries.get_mut(address) {
                let grace = entry.grace_end.saturating_duration_since(entry.end);
                let end = entry.end.min(now);
                (entry.stale, entry.notice, entry.end, entry.grace_end) = (end, end, end, end + grace);
            }
        }
        self.poll(now, out);
    }

    /// The agent stops: everything is released.
    pub fn shut_down(&mut self, out: &mut Vec<Command>) {
        self.draining = true;
        self.waiters.clear();
        self.release_where(|_| true, out);
    }

    /// Does what is due: ends lifetimes, serves and refuses takers, acquires.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.end_lifetimes(now, out);
        self.serve(now, out);
        let wanted = self.marks.high as usize + self.waiters.len();
        let short = self.free.len() < self.marks.low as usize || !self.waiters.is_empty();
        if short && !self.acquiring && !self.draining && self.not_before.is_none_or(|at| at <= now) {
            self.acquiring = true;
            let count = u32::try_from(wanted.saturating_sub(self.free.len())).unwrap_or(u32::MAX);
            out.push(Command::Acquire(count.clamp(1, self.largest)));
        }
    }

    /// When [`Self::poll`] has something to do next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        let entries = self.entries.values().map(|entry| match entry.state {
            State::Free => entry.stale,
            State::Held(_) => entry.notice,
            State::Ended => entry.grace_end,
        });
        let waiters = self.waiters.iter().map(|waiter| waiter.deadline);
        let retry = self.not_before.filter(|_| !self.acquiring && !self.draining && self.wants_more());
        entries.chain(waiters).chain(retry).min()
    }

    fn wants_more(&self) -> bool {
        self.free.len() < self.marks.low as usize || !self.waiters.is_empty()
    }

    fn end_lifetimes(&mut self, now: Instant, out: &mut Vec<Command>) {
        let mut unused = Vec::new();
        self.entries.retain(|&address, entry| match entry.state {
            State::Free if entry.stale <= now => {
                out.push(Command::Remove(address));
                if entry.end > now {
                    unused.push(address);
                }
                false
            }
            State::Held(app) if entry.notice <= now => {
                out.push(Command::Expire(app, address));
                entry.state = State::Ended;
                true
            }
            State::Ended if entry.grace_end <= now => {
                out.push(Command::Remove(address));
                false
            }
            _ => true,
        });
        self.free.retain(|address| self.entries.contains_key(address));
        if !unused.is_empty() {
            out.push(Command::Release(unused));
        }
    }

    fn serve(&mut self, now: Instant, out: &mut Vec<Command>) {
        while let Some(waiter) = self.waiters.front() {
            let Some(address) = self.free.pop_front() else { break };
            if let Some(entry) = self.entries.get_mut(&address) {
                entry.state = State::Held(waiter.app);
                let lifetime = entry.notice.saturating_duration_since(now);
                out.push(Command::Give { app: waiter.app, address, lifetime, mtu: entry.mtu });
                self.waiters.pop_front();
            }
        }
        let retry_after = self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let retry_after = retry_after.max(Duration::from_millis(100));
        self.waiters.retain(|waiter| {
            let waits = waiter.deadline > now;
            if !waits {
                let message = "stock: empty".to_owned();
                out.push(Command::Refuse { app: waiter.app, message, retry_after });
            }
            waits
        });
    }

    fn release_where(&mut self, released: impl Fn(&Entry) -> bool, out: &mut Vec<Command>) {
        let mut addresses = Vec::new();
        self.entries.retain(|&address, entry| {
            if !released(entry) {
                return true;
            }
            out.push(Command::Remove(address));
            if entry.state != State::Ended {
                addresses.push(address);
            }
            false
        });
        self.free.retain(|address| self.entries.contains_key(address));
        if !addresses.is_empty() {
            out.push(Command::Release(addresses));
        }
    }
}

#[cfg(test)]
mod tests;
