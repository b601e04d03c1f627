//! What was sent, what came back, and what follows from it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use mimiq_sphinx::NodeId;

use crate::blame::{self, Suspect};
use crate::cusum::Cusum;

/// When an attack is seen in what does not come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The share of loops that an honest network may lose, late ones included.
    pub honest_loss: f64,
    /// r: the share of loops whose return is enough (Loopix §4.2.1). An attack that lets more than that through is found late or
    /// not at all.
    pub threshold: f64,
    /// The mean number of loops between two false alarms, at least, while no more than `honest_loss` get lost, independently.
    pub between_false_alarms: f64,
    /// How much later than its chosen delays a loop may come back: for processing and the network.
    pub slack: Duration,
    /// By how much cover traffic is multiplied under attack.
    pub most_cover: f64,
}

impl Default for Config {
    /// 5 % honest loss, r = 0.7, a false alarm in 31.5 million loops (a year, with one a second), half a second, four times the cover traffic.
    fn default() -> Self {
        Self {
            honest_loss: 0.05,
            threshold: 0.7,
            between_false_alarms: 31.5e6,
            slack: Duration::from_millis(500),
            most_cover: 4.0,
        }
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A loop, in time.
    InTime,
    /// A loop that was given up before: somebody delays packets.
    Late,
    /// None that is known: not one's own, or for the second time, or far too late.
    Unknown,
}

/// What is done to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// They do not come back: dropped, or held back for a (n−1) attack.
    Blocked,
    /// They come back late.
    Delayed,
}

/// How the network is.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Loops that were sent.
    pub sent: u64,
    /// Of these, how many came back in time.
    pub in_time: u64,
    /// How many came back late.
    pub late: u64,
    /// How many did not come back in time, late ones included.
    pub failed: u64,
    /// The attack, and since when it is known.
    pub attack: Option<(Attack, Duration)>,
    /// While there is one, the nodes and links that explain it, the most likely first. Several, if loops do not tell them apart.
    pub suspects: Vec<Suspect>,
    /// By what cover traffic is to be multiplied: 1 if all is well, more the more loops fail.
    pub cover: f64,
}

/// Loops that are remembered after they were given up, and outcomes that count for blame. Old ones go.
const MEMORY: usize = 2048;
/// Loops on their way at a time: more are given up at once, the oldest first.
const MOST_AWAY: usize = 1 << 16;
/// Nats for which an alarm ends: a factor of 1,000 in likelihood.
const RECOVERY: f64 = 6.9;

/// The loops of a mix or client.
pub struct Ledger {
    config: Config,
    /// The paths of those on their way.
    away: HashMap<[u8; 16], Box<[NodeId]>>,
    /// When loops are given up.
    due: BinaryHeap<Reverse<(Duration, [u8; 16])>>,
    given_up: VecDeque<[u8; 16]>,
    /// Since all was well for the last time.
    outcomes: VecDeque<(Box<[NodeId]>, bool)>,
    late_since: usize,
    attack: Cusum,
    recovery: Cusum,
    alarm: Option<Duration>,
    counts: [u64; 4],
}

// Places in `counts`.
const SENT: usize = 0;
const IN_TIME: usize = 1;
const LATE: usize = 2;
const FAILED: usize = 3;

impl Ledger {
    /// Of who has not sent any. Probabilities of `config` are kept between 0.0001 and 0.9999.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let probability = |p: f64| if p.is_nan() { 0.5 } else { p.clamp(1e-4, 0.9999) };
        let honest_loss = probability(config.honest_loss);
        let attack = probability(1.0 - config.threshold).max(honest_loss * 1.01).min(0.9999);
        let config = Config { honest_loss, threshold: 1.0 - attack, ..config };
        Self {
            config,
            away: HashMap::new(),
            due: BinaryHeap::new(),
            given_up: VecDeque::new(),
            outcomes: VecDeque::new(),
            late_since: 0,
            attack: Cusum::rising(honest_loss, attack),
            recovery: Cusum::falling(honest_loss, attack),
            alarm: None,
            counts: [0; 4],
        }
    }

    /// A loop leaves, on a path that starts and ends with its sender, and with so much delay at all hops together.
    pub fn sent(&mut self, id: [u8; 16], path: &[NodeId], now: Duration, delay: Duration) {
        self.counts[SENT] += 1;
        let due = now.saturating_add(delay).saturating_add(self.config.slack);
        self.away.insert(id, path.into());
        self.due.push(Reverse((due, id)));
        while self.away.len() > MOST_AWAY {
            self.give_up(now);
        }
    }

    /// A loop is back.
    pub fn returned(&mut self, id: [u8; 16], now: Duration) -> Outcome {
        self.advance(now);
        if let Some(path) = self.away.remove(&id) {
            self.counts[IN_TIME] += 1;
            self.observe(path, false, now);
            return Outcome::InTime;
        }
        match self.given_up.iter().position(|other| *other == id) {
            Some(at) => {
                self.given_up.remove(at);
                self.counts[LATE] += 1;
                self.late_since += 1;
                Outcome::Late
            }
            None => Outcome::Unknown,
        }
    }

    /// Gives up all loops that should have been back by now.
    pub fn advance(&mut self, now: Duration) {
        while self.due.peek().is_some_and(|Reverse((due, _))| *due < now) {
            self.give_up(now);
        }
    }

    /// When the next loop is given up, unless it comes back.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Whether there is an attack: cheaper than the whole report.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.alarm.is_some()
    }

    /// How the network is.
    #[must_use]
    pub fn report(&self) -> Report {
        let [sent, in_time, late, failed] = self.counts;
        let failures = self.outcomes.iter().filter(|(_, failed)| *failed).count();
        let kind = if 2 * self.late_since > failures { Attack::Delayed } else { Attack::Blocked };
        let outcomes = self.outcomes.iter().map(|(path, failed)| (&**path, *failed));
        let suspicion = if self.alarm.is_some() { 1.0 } else { (self.attack.sum() / self.bound()).min(1.0) };
        Report {
            sent,
            in_time,
            late,
            failed,
            attack: self.alarm.map(|since| (kind, since)),
            suspects: self.alarm.map_or_else(Vec::new, |_| blame::suspects(outcomes, self.config.honest_loss)),
            cover: 1.0 + (self.config.most_cover - 1.0).max(0.0) * suspicion,
        }
    }

    fn bound(&self) -> f64 {
        self.config.between_false_alarms.max(2.0).ln()
    }

    /// The loop that is due next has not come back, if it has not.
    fn give_up(&mut self, now: Duration) {
        let Some(Reverse((_, id))) = self.due.pop() else { return };
        let Some(path) = self.away.remove(&id) else { return };
        self.counts[FAILED] += 1;
        if self.given_up.len() == MEMORY {
            self.given_up.pop_front();
        }
        self.given_up.push_back(id);
        self.observe(path, true, now);
    }

    fn observe(&mut self, path: Box<[NodeId]>, failed: bool, now: Duration) {
        self.attack.observe(failed);
        self.recovery.observe(failed);
        if self.outcomes.len() == MEMORY {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((path, failed));
        if self.alarm.is_none() {
            self.recovery.reset();
            if self.attack.sum() >= self.bound() {
                self.alarm = Some(now);
            } else if self.attack.sum() == 0.0 {
                // What happened before the change says nothing about it.
                self.outcomes.clear();
                self.late_since = 0;
            }
        } else if self.recovery.sum() >= RECOVERY {
            self.alarm = None;
            self.attack.reset();
            self.outcomes.clear();
            self.late_since = 0;
        }
    }
}
