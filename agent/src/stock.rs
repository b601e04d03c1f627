//! The stock of addresses: what is free, who holds what, when each one ends. Pure: time and events in, commands out.
//!
//! An address is given out once. What comes back is released to the allocation server, never given again.

mod counts;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

mod types;

pub use types::{AppId, Command, Grant, Kept, Marks};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Held(AppId),
    /// Its holder was told, and may have nowhere to go: the address stays local until it is given back.
    Ended(AppId),
    /// Of an earlier daemon: whoever holds it has until then to say so.
    Unclaimed(Instant),
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
/// How long an address that has ended stays local under its holder, if nothing ever removes it.
const OVERTIME: Duration = Duration::from_secs(24 * 3600);

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
        out.push(Command::Record);
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
            out.push(Command::Install(address, grant.lifetime + grant.grace));
        }
        self.poll(now, out);
    }

    /// What an earlier daemon left: it is given to nobody, and released at `deadline` unless it is reclaimed before.
    pub fn adopt(&mut self, lease: Kept, deadline: Instant) {
        let (end, grace_end, mtu) = (lease.end, lease.grace_end, lease.mtu);
        let notice = end.checked_sub(NOTICE).unwrap_or(end);
        let entry = Entry { state: State::Unclaimed(deadline), stale: notice, notice, end, grace_end, mtu };
        self.entries.entry(lease.address).or_insert(entry);
    }

    /// An application holds an address since an earlier daemon. If so, says how long it may send from it and how large packets.
    pub fn reclaim(&mut self, now: Instant, app: AppId, address: IpAddr) -> Option<(Duration, u32)> {
        let entry = self.entries.get_mut(&address)?;
        if !matches!(entry.state, State::Unclaimed(_)) {
            return None;
        }
        entry.state = State::Held(app);
        Some((entry.notice.saturating_duration_since(now), entry.mtu))
    }

    /// What a later daemon should know: all that has not been removed.
    pub fn leases(&self) -> impl Iterator<Item = Kept> {
        self.entries.iter().map(|(&address, entry)| Kept {
            address,
            end: entry.end,
            grace_end: entry.grace_end,
            mtu: entry.mtu,
        })
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
            Some(State::Held(holder) | State::Ended(holder)) if holder == app => {
                self.release_where(now, |of, _| of == address, out);
                out.push(Command::Returned(app));
            }
            _ => out.push(Command::Refuse {
                app,
                message: format!("address: {address} is not held by this application"),
                retry_after: Duration::ZERO,
                empty: false,
            }),
        }
        self.poll(now, out);
    }

    /// An application's connection closed: what it held is released.
    pub fn gone(&mut self, now: Instant, app: AppId, out: &mut Vec<Command>) {
        self.waiters.retain(|waiter| waiter.app != app);
        self.release_where(now, |_, entry| matches!(entry.state, State::Held(of) | State::Ended(of) if of == app), out);
        self.poll(now, out);
    }

    /// The allocation server took addresses away: their lifetime ends now, their grace begins.
    pub fn revoked(&mut self, now: Instant, addresses: &[IpAddr], out: &mut Vec<Command>) {
        out.push(Command::Record);
        for address in addresses {
            if let Some(entry) = self.entries.get_mut(address) {
                let grace = entry.grace_end.saturating_duration_since(entry.end);
                let end = entry.end.min(now);
                (entry.stale, entry.notice, entry.end, entry.grace_end) = (end, end, end, end + grace);
            }
        }
        self.poll(now, out);
    }

    /// The agent stops: what nobody holds is released. The rest stays local under its holders and is left to the next agent, or to
    /// the kernel's clock.
    pub fn shut_down(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.draining = true;
        self.waiters.clear();
        self.release_where(now, |_, entry| matches!(entry.state, State::Free | State::Unclaimed(_)), out);
        out.push(Command::Record);
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
        let entries = self.entries.values().filter_map(|entry| match entry.state {
            State::Free => Some(entry.stale),
            State::Held(_) => Some(entry.notice),
            State::Ended(_) => None,
            State::Unclaimed(deadline) => Some(deadline),
        });
        let waiters = self.waiters.iter().map(|waiter| waiter.deadline);
        let retry = self.not_before.filter(|_| !self.acquiring && !self.draining && self.wants_more());
        entries.chain(waiters).chain(retry).min()
    }

    fn wants_more(&self) -> bool {
        self.free.len() < self.marks.low as usize || !self.waiters.is_empty()
    }

    fn end_lifetimes(&mut self, now: Instant, out: &mut Vec<Command>) {
        for (&address, entry) in &mut self.entries {
            if let State::Held(app) = entry.state
                && entry.notice <= now
            {
                out.extend([Command::Install(address, OVERTIME), Command::Expire(app, address)]);
                entry.state = State::Ended(app);
            }
        }
        let over = |entry: &Entry| match entry.state {
            State::Free => entry.stale <= now,
            State::Unclaimed(deadline) => deadline <= now,
            State::Held(_) | State::Ended(_) => false,
        };
        self.release_where(now, |_, entry| over(entry), out);
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
                out.push(Command::Refuse { app: waiter.app, message, retry_after, empty: true });
            }
            waits
        });
    }

    fn release_where(&mut self, now: Instant, chosen: impl Fn(IpAddr, &Entry) -> bool, out: &mut Vec<Command>) {
        let mut addresses = Vec::new();
        self.entries.retain(|&address, entry| {
            if !chosen(address, entry) {
                return true;
            }
            out.push(Command::Remove(address));
            if entry.end > now {
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
