//! A thread of the generator: its relays and their clients, from the first handshake to the last answer.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, Sender, TryRecvError},
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    fleet::{Event, Member},
    load::{Load, Row, Share},
    net::Net,
    options::Plan,
    stats::{self, Latencies, Stats},
    usage,
};

/// Handshakes of a thread at a time: the server has a limit of its own, and each costs both sides some CPU.
const HANDSHAKES: usize = 64;
/// How long a client whose connection is gone waits before it makes a new one.
const BACKOFF: Duration = Duration::from_millis(500);
/// How often it is looked whether the measurement begins.
const LOOK: Duration = Duration::from_millis(2);
/// How long the connections' end may take.
const GOODBYE: Duration = Duration::from_millis(100);

/// What a thread reports.
pub(crate) enum Message {
    /// All clients are connected or have failed to be.
    Connected(Connected),
    /// A second is settled.
    Row(u64, Row),
    /// The measurement is over.
    Done(Box<Stats>),
    /// The thread cannot go on.
    Failed(anyhow::Error),
}

/// How making the connections went.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    pub made: u64,
    /// Attempts that failed, and why the last one did.
    pub failed: u64,
    pub reason: Option<String>,
    pub latency: Latencies,
}

pub(crate) struct Worker {
    pub net: Net,
    pub clients: usize,
    pub plan: Plan,
    pub share: Share,
    pub connect_timeout: Duration,
    pub messages: Sender<Message>,
    /// Says when the measurement begins.
    pub start: Receiver<Instant>,
}

/// Which connections there are.
struct Links {
    up: Vec<bool>,
    /// Since when an attempt is under way.
    trying: Vec<Option<Instant>>,
    waiting: VecDeque<Member>,
    connected: Connected,
}

impl Worker {
    pub(crate) fn run(self) {
        let messages = self.messages.clone();
        if let Err(error) = self.work() {
            // Nobody listens if another thread has failed before.
            let _ = messages.send(Message::Failed(error));
        }
    }

    fn work(mut self) -> anyhow::Result<()> {
        // Requests are due to the microsecond; it is only a little worse without.
        let _ = nix::sys::prctl::set_timerslack(1);
        let links = self.connect()?;
        let up = links.up.clone();
        self.say(Message::Connected(links.connected))?;
        let Some(start) = self.await_start()? else { return Ok(()) };
        let mut load = Load::new(&self.plan, self.share, start, &up)?;
        self.measure(&mut load, start)?;
        let (stats, rows) = load.finish();
        for (second, row) in rows {
            self.say(Message::Row(second, row))?;
        }
        self.say(Message::Done(Box::new(stats)))?;
        self.close()
    }

    fn say(&self, message: Message) -> anyhow::Result<()> {
        self.messages.send(message).ok().context("nobody listens to a thread any more")
    }

    /// Makes the connections, so many at a time.
    fn connect(&mut self) -> anyhow::Result<Links> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut links = Links {
            up: vec![false; self.clients],
            trying: vec![None; self.clients],
            waiting: (0..self.clients).collect(),
            connected: Connected { made: 0, failed: 0, reason: None, latency: stats::latencies()? },
        };
        let mut under_way = 0;
        while links.connected.made < self.clients as u64 && Instant::now() < deadline {
            while under_way < HANDSHAKES
                && let Some(member) = links.waiting.pop_front()
            {
                let now = Instant::now();
                links.trying[member] = Some(now);
                if self.net.fleet.connect(now, member)? {
                    under_way += 1;
                } else {
                    // The failed attempt before is not quite gone.
                    links.waiting.push_back(member);
                    break;
                }
            }
            self.net.round(deadline.min(Instant::now() + BACKOFF))?;
            while let Some(event) = self.net.fleet.events.pop_front() {
                match event {
                    Event::Connected(member) => {
                        under_way -= 1;
                        links.up[member] = true;
                        links.connected.made += 1;
                        if let Some(since) = links.trying[member] {
                            stats::record(&mut links.connected.latency, since.elapsed());
                        }
                    }
                    Event::Lost(member, reason) => {
                        if std::mem::replace(&mut links.up[member], false) {
                            links.connected.made -= 1;
                        } else {
                            under_way -= 1;
                        }
                        links.connected.failed += 1;
                        links.connected.reason = Some(reason.to_string());
                        links.waiting.push_back(member);
                    }
                    Event::Room(_) | Event::Reply(..) | Event::Push(..) => {}
                }
            }
        }
        Ok(links)
    }

    /// Keeps the connections up until the other threads are ready; `None` if there is to be no measurement.
    fn await_start(&mut self) -> anyhow::Result<Option<Instant>> {
        loop {
            match self.start.try_recv() {
                Ok(start) => return Ok(Some(start)),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) => self.net.round(Instant::now() + LOOK)?,
            }
        }
    }

    fn measure(&mut self, load: &mut Load, start: Instant) -> anyhow::Result<()> {
        let (cpu, before) = (usage::this_thread()?, self.net.counts);
        let mut again: VecDeque<(Instant, Member)> = VecDeque::new();
        loop {
            let now = Instant::now();
            while let Some(event) = self.net.fleet.events.pop_front() {
                if let Some(member) = load.happened(now, event, &mut self.net.fleet) {
                    again.push_back((now + BACKOFF, member));
                }
            }
            load.tick(now, &mut self.net.fleet);
            while again.front().is_some_and(|(at, _)| *at <= now)
                && let Some((_, member)) = again.pop_front()
            {
                if !self.net.fleet.connect(now, member)? {
                    again.push_back((now + BACKOFF, member));
                }
            }
            for (second, row) in load.rows(now) {
                self.say(Message::Row(second, row))?;
            }
            if now >= start && load.is_over(now) {
                break;
            }
            let next = [load.next(), again.front().map(|(at, _)| *at)].into_iter().flatten().min();
            self.net.round(next.unwrap_or(now + BACKOFF))?;
        }
        let counts = self.net.counts;
        let stats = load.stats();
        stats.cpu = usage::this_thread()?.saturating_sub(cpu);
        stats.sent = counts.sent - before.sent;
        stats.received = counts.received - before.received;
        stats.unsent = counts.unsent - before.unsent;
        stats.strange = counts.strange - before.strange;
        Ok(())
    }

    /// Tells the server, so that it need not wait for the connections' idle timeout.
    fn close(mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + GOODBYE;
        self.net.fleet.close(Instant::now());
        while Instant::now() < deadline {
            self.net.round(deadline)?;
        }
        Ok(())
    }
}
