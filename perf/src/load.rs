//! What the clients of one thread ask for, and when. Times are arguments.

mod client;
mod row;

use std::{collections::VecDeque, rc::Rc, time::Duration, time::Instant};

use quinn_proto::StreamId;
use rand::Rng as _;

pub(crate) use row::Row;

use crate::{
    fleet::{Event, Fleet, Member},
    options::Plan,
    pace::Pace,
    protocol::{self, Answer},
    stats::{End, Stats, Tally},
};
use client::{Client, Held, Kind, Request};
use row::Rows;

/// This thread's part of the requests: every `of`-th, beginning with number `index`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub index: u64,
    pub of: u64,
}

/// The load of one thread.
pub(crate) struct Load {
    plan: Plan,
    share: Share,
    acquire: Rc<[u8]>,
    clients: Vec<Client>,
    start: Instant,
    /// Requests of this thread so far, and who is next.
    issued: u64,
    turn: Member,
    /// Numbers sets and requests.
    ids: u64,
    /// In the order of time, as all have the same patience and are held equally long.
    deadlines: VecDeque<(Instant, Member, u64)>,
    releases: VecDeque<(Instant, Member, u64)>,
    in_flight: usize,
    last_answer: Instant,
    rows: Rows,
    stats: Stats,
}

impl Load {
    /// Begins at `start`; `connected` says of each client whether it can be used.
    pub(crate) fn new(plan: &Plan, share: Share, start: Instant, connected: &[bool]) -> anyhow::Result<Self> {
        Ok(Self {
            plan: plan.clone(),
            share,
            acquire: protocol::acquire(plan.demand).into(),
            clients: connected.iter().map(|connected| Client::new(*connected)).collect(),
            start,
            issued: 0,
            turn: 0,
            ids: 0,
            deadlines: VecDeque::new(),
            releases: VecDeque::new(),
            in_flight: 0,
            last_answer: start,
            rows: Rows::new(start, plan.timeout),
            stats: Stats::new()?,
        })
    }

    /// Whether nothing is to come and nothing is awaited any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let more = match self.plan.pace {
            Pace::Open { .. } => self.next_due().is_some(),
            Pace::Closed { .. } => now < self.end() && !self.is_exhausted(),
        };
        self.in_flight == 0 && !more
    }

    /// Whether as many requests were made as should be.
    fn is_exhausted(&self) -> bool {
        let number = self.issued * self.share.of + self.share.index;
        self.plan.requests.is_some_and(|requests| number >= requests)
    }

    /// When [`Self::tick`] is to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        let deadline = self.deadlines.front().map(|(at, ..)| *at);
        let release = self.releases.front().map(|(at, ..)| *at);
        [self.next_due(), deadline, release, Some(self.rows.next())].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant, fleet: &mut Fleet) {
        if matches!(self.plan.pace, Pace::Open { .. }) {
            while let Some(due) = self.next_due().filter(|due| *due <= now) {
                let member = self.turn;
                self.turn = (self.turn + 1) % self.clients.len();
                self.ask(due, now, member, fleet);
            }
        } else if self.issued == 0 && now >= self.start {
            self.begin(now, fleet);
        }
        while let Some((due, member, id)) = pop_due(&mut self.releases, now) {
            if let Some(held) = self.clients[member].take(id) {
                self.issue(Kind::Release(held.addresses), due, member, fleet);
            }
        }
        while let Some((_, member, id)) = pop_due(&mut self.deadlines, now) {
            if let Some((stream, request)) = self.clients[member].give_up(id) {
                if let Some(stream) = stream {
                    fleet.cancel(member, stream);
                }
                self.settle(member, request, End::Lost, now, fleet);
            }
        }
    }

    /// Takes what happened to a connection; clients whose connection is gone are to be connected again.
    pub(crate) fn happened(&mut self, now: Instant, event: Event, fleet: &mut Fleet) -> Option<Member> {
        match event {
            Event::Connected(member) => {
                self.clients[member].connected = true;
                self.pump(member, fleet);
                self.fill(now, member, fleet);
            }
            Event::Room(member) => self.pump(member, fleet),
            Event::Lost(member, _) => {
                // One that was never connected failed to come back.
                if std::mem::replace(&mut self.clients[member].connected, false) {
                    self.stats.connections_lost += 1;
                }
                for request in self.clients[member].fail() {
                    self.settle(member, request, End::Failed, now, fleet);
                }
                return Some(member);
            }
            Event::Reply(member, stream, at, message) => self.answered(member, stream, at, message, fleet),
            Event::Push(message) => self.stats.revoked += protocol::revoked(&message).unwrap_or(0),
        }
        None
    }

    /// Rows whose requests are all settled.
    pub(crate) fn rows(&mut self, now: Instant) -> impl Iterator<Item = (u64, Row)> {
        self.rows.settled(now)
    }

    /// What was counted, and the rows that are left.
    pub(crate) fn finish(mut self) -> (Stats, Vec<(u64, Row)>) {
        let least = if self.is_exhausted() { Duration::ZERO } else { self.plan.duration };
        self.stats.elapsed = (self.last_answer - self.start).max(least);
        (self.stats, self.rows.rest())
    }

    fn end(&self) -> Instant {
        self.start + self.plan.duration
    }

    /// When the next request of an open loop is due.
    fn next_due(&self) -> Option<Instant> {
        if self.is_exhausted() {
            return None;
        }
        let number = self.issued * self.share.of + self.share.index;
        Some(self.start + self.plan.pace.due(number, self.plan.duration)?)
    }

    /// In a closed loop: the first requests of all clients.
    fn begin(&mut self, now: Instant, fleet: &mut Fleet) {
        for member in 0..self.clients.len() {
            self.fill(now, member, fleet);
        }
    }

    /// In a closed loop: lets a client have as many requests outstanding as it should.
    fn fill(&mut self, now: Instant, member: Member, fleet: &mut Fleet) {
        let Pace::Closed { outstanding } = self.plan.pace else { return };
        if self.clients[member].connected && (self.start..self.end()).contains(&now) {
            for _ in self.clients[member].asking()..outstanding {
                if !self.is_exhausted() {
                    self.ask(now, now, member, fleet);
                }
            }
        }
    }

    /// One of the requests that the rate counts: for new addresses, or for longer use of some.
    fn ask(&mut self, due: Instant, now: Instant, member: Member, fleet: &mut Fleet) {
        self.issued += 1;
        let renew = self.plan.renew > 0.0 && rand::rng().random_bool(self.plan.renew);
        let held = if renew { self.clients[member].take_any(now) } else { None };
        let kind = held.map_or(Kind::Acquire, |held| Kind::Renew(held.addresses));
        self.rows.row(due).offered += 1;
        self.issue(kind, due, member, fleet);
    }

    fn issue(&mut self, kind: Kind, due: Instant, member: Member, fleet: &mut Fleet) {
        self.ids += 1;
        self.tally(&kind).offered += 1;
        self.deadlines.push_back((due + self.plan.timeout, member, self.ids));
        self.in_flight += 1;
        self.clients[member].waiting.push_back(Request { id: self.ids, kind, due });
        self.pump(member, fleet);
    }

    /// Sends what waits, as far as the server allows.
    fn pump(&mut self, member: Member, fleet: &mut Fleet) {
        let client = &mut self.clients[member];
        while client.connected
            && !client.waiting.is_empty()
            && let Some(stream) = fleet.open(member)
            && let Some(request) = client.waiting.pop_front()
        {
            match &request.kind {
                Kind::Acquire => fleet.send(member, stream, &self.acquire),
                Kind::Renew(addresses) => fleet.send(member, stream, &protocol::renew(addresses.clone())),
                Kind::Release(addresses) => fleet.send(member, stream, &protocol::release(addresses.clone())),
            }
            client.flying.push((stream, request));
        }
    }

    fn answered(&mut self, member: Member, stream: StreamId, at: Instant, message: Option<Vec<u8>>, fleet: &mut Fleet) {
        let Some(request) = self.clients[member].landed(stream) else { return };
        let answer = message.as_deref().map(protocol::answer);
        let end = match (answer, &request.kind) {
            (None, _) => End::Failed,
            (Some(Answer::Refused(reason)), _) => End::Refused(reason),
            (Some(Answer::Released(count)), Kind::Release(_)) => End::Done(count.into()),
            (Some(Answer::Set(addresses, lifetime_ms)), Kind::Acquire | Kind::Renew(_)) => {
                let count = addresses.len() as u64;
                if self.plan.hold.is_some() || self.plan.renew > 0.0 {
                    self.hold(at, member, addresses, Duration::from_millis(lifetime_ms));
                }
                End::Done(count)
            }
            (Some(_), _) => End::Malformed,
        };
        self.settle(member, request, end, at, fleet);
    }

    fn hold(&mut self, at: Instant, member: Member, addresses: protocol::Addresses, lifetime: Duration) {
        self.ids += 1;
        // A lifetime beyond what the clock can say does not end.
        self.clients[member].held.push(Held { id: self.ids, addresses, expires: at.checked_add(lifetime) });
        if let Some(hold) = self.plan.hold {
            self.releases.push_back((at + hold, member, self.ids));
        }
    }

    /// Counts a request that has ended, and lets the next one of a closed loop follow.
    fn settle(&mut self, member: Member, request: Request, end: End, at: Instant, fleet: &mut Fleet) {
        self.in_flight -= 1;
        let latency = at.saturating_duration_since(request.due);
        if !matches!(end, End::Lost) {
            self.last_answer = self.last_answer.max(at);
        }
        self.tally(&request.kind).count(end, latency);
        if !matches!(request.kind, Kind::Release(_)) {
            self.rows.row(request.due).count(end, latency);
            self.fill(at, member, fleet);
        }
    }

    fn tally(&mut self, kind: &Kind) -> &mut Tally {
        match kind {
            Kind::Acquire => &mut self.stats.acquire,
            Kind::Renew(_) => &mut self.stats.renew,
            Kind::Release(_) => &mut self.stats.release,
        }
    }

    /// For what the thread itself counts.
    pub(crate) fn stats(&mut self) -> &mut Stats {
        &mut self.stats
    }
}

/// Takes the first of a queue if its time has come.
fn pop_due(queue: &mut VecDeque<(Instant, Member, u64)>, now: Instant) -> Option<(Instant, Member, u64)> {
    if queue.front()?.0 <= now { queue.pop_front() } else { None }
}
