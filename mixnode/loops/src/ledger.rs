//! What was sent, what came back, and what follows from it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use mimiq_sphinx::NodeId;

use crate::blame::{self, Element, Suspect};
use crate::watch::Watch;
use crate::{Config, ConfigError};

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

/// What the loops say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing: there were too few for an alarm, even if none had come back.
    Untested,
    /// An honest network.
    Healthy,
    /// An attack.
    Attacked {
        /// What is done to packets.
        kind: Attack,
        /// Since when it is known.
        since: Duration,
        /// Whose own loops raise the alarm: none, if only all loops together do.
        alarmed: Vec<Element>,
    },
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
    /// What follows from it.
    pub state: State,
    /// Under attack, the nodes and links that explain it, the most likely first. Several, if loops do not tell them apart.
    pub suspects: Vec<Suspect>,
    /// By what cover traffic is to be multiplied: 1 if all is well, more the more loops fail.
    pub cover: f64,
}

/// Loops that are remembered after they were given up, and outcomes that count for blame. Old ones go.
const MEMORY: usize = 4096;
/// Who is woken that much too late had no processor.
const STANDSTILL: Duration = Duration::from_millis(50);
/// What a loop gets at most on top of its time, while its sender stands still: whoever keeps a sender busy may not hide from it for longer.
const MOST_PATIENCE: Duration = Duration::from_secs(5);
/// Loops on their way at a time: more are given up at once, the oldest first.
const MOST_AWAY: usize = 1 << 16;

/// What became of a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    InTime,
    Lost,
    Late,
}

/// A loop on its way.
struct Away {
    path: Box<[NodeId]>,
    /// It gets no more time than until then, however long its sender stands still.
    latest: Duration,
}

/// The loops of a mix or client.
pub struct Ledger {
    config: Config,
    /// Those on their way.
    away: HashMap<[u8; 16], Away>,
    /// When loops are given up.
    due: BinaryHeap<Reverse<(Duration, [u8; 16])>>,
    /// With the numbers of their outcomes.
    given_up: VecDeque<([u8; 16], u64)>,
    /// The latest, up to number `observed`.
    outcomes: VecDeque<(Box<[NodeId]>, Fate)>,
    observed: u64,
    watch: Watch,
    alarm: Option<Duration>,
    counts: [u64; 4],
}

// Places in `counts`.
const SENT: usize = 0;
const IN_TIME: usize = 1;
const LATE: usize = 2;
const FAILED: usize = 3;

impl Ledger {
    /// Of who has not sent any.
    ///
    /// # Errors
    /// Names a value of `config` that is out of its range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            away: HashMap::new(),
            due: BinaryHeap::new(),
            given_up: VecDeque::new(),
            outcomes: VecDeque::new(),
            observed: 0,
            watch: Watch::new(config),
            alarm: None,
            counts: [0; 4],
        })
    }

    /// A loop leaves, on a path that starts and ends with its sender, and with so much delay at all hops together.
    pub fn sent(&mut self, id: [u8; 16], path: &[NodeId], now: Duration, delay: Duration) {
        self.counts[SENT] += 1;
        let due = now.saturating_add(delay).saturating_add(self.config.slack);
        self.away.insert(id, Away { path: path.into(), latest: due.saturating_add(MOST_PATIENCE) });
        self.due.push(Reverse((due, id)));
        while self.away.len() > MOST_AWAY {
            self.give_up(now);
        }
    }

    /// A loop is back.
    pub fn returned(&mut self, id: [u8; 16], now: Duration) -> Outcome {
        self.advance(now);
        if let Some(Away { path, .. }) = self.away.remove(&id) {
            self.counts[IN_TIME] += 1;
            self.observe(path, Fate::InTime, now);
            self.forget_returned();
            return Outcome::InTime;
        }
        let Some(at) = self.given_up.iter().position(|(other, _)| *other == id) else { return Outcome::Unknown };
        if let Some((_, number)) = self.given_up.remove(at)
            && let Some(place) = self.place(number)
        {
            self.outcomes[place].1 = Fate::Late;
        }
        self.counts[LATE] += 1;
        Outcome::Late
    }

    /// Gives up all loops that should have been back by now.
    pub fn advance(&mut self, now: Duration) {
        while self.due.peek().is_some_and(|Reverse((due, _))| *due < now) {
            self.give_up(now);
        }
        self.forget_returned();
    }

    /// The sender was woken so much later than it wanted. From 50 ms on it stood still: its machine was paused, or had too much to do. Then loops on their way
    /// get that much more time, but not more than five seconds each. Says whether it did.
    pub fn woken(&mut self, late: Duration) -> bool {
        if late < STANDSTILL {
            return false;
        }
        let later = |Reverse((due, id)): Reverse<(Duration, [u8; 16])>| {
            let latest = self.away.get(&id).map_or(due, |away| away.latest);
            Reverse((due.saturating_add(late).min(latest), id))
        };
        self.due = std::mem::take(&mut self.due).into_iter().map(later).collect();
        true
    }

    /// Loops on their way do not count any more, as nobody could have received them; later ones have a new slack. What earlier ones have said stays.
    pub fn begin_again(&mut self, slack: Duration) {
        self.away.clear();
        self.due.clear();
        self.config.slack = slack;
    }

    /// When the next loop is given up, unless it comes back.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Whether there is an attack.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.alarm.is_some()
    }

    /// Whether there were too few loops for an alarm, even if none had come back.
    #[must_use]
    pub fn is_untested(&self) -> bool {
        self.alarm.is_none() && !self.watch.can_tell()
    }

    /// How many loops did not come back in time.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts[FAILED]
    }

    /// How the network is. Under attack this looks through all that is remembered, to find out who is to blame: not to be asked for with each packet.
    #[must_use]
    pub fn report(&self) -> Report {
        let [sent, in_time, late, failed] = self.counts;
        let (state, suspects) = match self.alarm {
            Some(since) => {
                let suspects = self.suspects();
                let (kind, alarmed) = (self.kind(suspects.first()), self.watch.alarmed());
                (State::Attacked { kind, since, alarmed }, suspects)
            }
            None if self.is_untested() => (State::Untested, Vec::new()),
            None => (State::Healthy, Vec::new()),
        };
        Report { sent, in_time, late, failed, state, suspects, cover: self.cover() }
    }

    /// What the report says of cover traffic.
    #[must_use]
    pub fn cover(&self) -> f64 {
        1.0 + (self.config.most_cover - 1.0) * self.watch.suspicion()
    }

    /// The outcomes since what raised the alarm began, as far as they are remembered.
    fn evidence(&self) -> impl Iterator<Item = (&[NodeId], Fate)> + Clone {
        let from = self.place(self.watch.since()).unwrap_or_default();
        self.outcomes.range(from..).map(|(path, fate)| (&**path, *fate))
    }

    fn suspects(&self) -> Vec<Suspect> {
        blame::suspects(self.evidence().map(|(path, fate)| (path, fate != Fate::InTime)), self.config.honest_loss)
    }

    /// Of the failures of the first suspect's loops that an honest network would not have: did most of them come late?
    fn kind(&self, suspect: Option<&Suspect>) -> Attack {
        let through = |path: &[NodeId]| suspect.is_none_or(|suspect| blame::elements(path).contains(&suspect.element));
        let (mut loops, mut failed, mut late) = (0.0, 0.0, 0.0);
        for (_, fate) in self.evidence().filter(|(path, _)| through(path)) {
            loops += 1.0;
            failed += f64::from(u8::from(fate != Fate::InTime));
            late += f64::from(u8::from(fate == Fate::Late));
        }
        if 2.0 * late > failed - self.config.honest_loss * loops { Attack::Delayed } else { Attack::Blocked }
    }

    /// Where an outcome is, if it is remembered.
    fn place(&self, number: u64) -> Option<usize> {
        let first = self.observed - self.outcomes.len() as u64;
        number.checked_sub(first).and_then(|place| usize::try_from(place).ok()).filter(|at| *at < self.outcomes.len())
    }

    /// Those that are back are not waited for: nobody is woken for them.
    fn forget_returned(&mut self) {
        while self.due.peek().is_some_and(|Reverse((_, id))| !self.away.contains_key(id)) {
            self.due.pop();
        }
    }

    /// The loop that is due next has not come back, if it has not.
    fn give_up(&mut self, now: Duration) {
        let Some(Reverse((_, id))) = self.due.pop() else { return };
        let Some(Away { path, .. }) = self.away.remove(&id) else { return };
        self.counts[FAILED] += 1;
        if self.given_up.len() == MEMORY {
            self.given_up.pop_front();
        }
        self.given_up.push_back((id, self.observed));
        self.observe(path, Fate::Lost, now);
    }

    fn observe(&mut self, path: Box<[NodeId]>, fate: Fate, now: Duration) {
        self.watch.observe(&blame::elements(&path), fate != Fate::InTime);
        if self.outcomes.len() == MEMORY {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((path, fate));
        self.observed += 1;
        self.alarm = self.watch.is_alarmed().then(|| self.alarm.unwrap_or(now));
    }
}
