//! Decides when to hop: what happened and `now` go in, the time of the next hop comes out. Pure.
//!
//! Two questions are kept apart: since when a hop is due, which the policy answers, and which moment of the next few milliseconds
//! costs the least, which is the same for all policies: shortly after the application sent something, so that path validation
//! overlaps the reply; or when it is idle.

use std::time::{Duration, Instant};

use rand::Rng;

use super::Policy;
use crate::sdk::EARLY;

/// The longest that a hop that is due waits for a good moment.
pub const PATIENCE: Duration = Duration::from_millis(2 * EARLY.as_millis() as u64);

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many datagrams went out or came in.
    Packets(u64),
    /// The application's data went out.
    Sent,
    /// The application's data came in.
    Received,
    /// It hopped, for whatever reason.
    Hopped,
    /// A hop was refused; after this time it may be tried again.
    Refused(Duration),
    /// This connection can never hop.
    Hopeless,
}

#[derive(Clone, Copy, Debug)]
enum Activity {
    Sent(Instant),
    Received(Instant),
}

/// Makes one connection follow a policy. A hop needs a cause: data of the application since the last one. (The packets that a hop
/// itself takes would otherwise cause the next.)
#[derive(Debug)]
pub struct Scheduler<R> {
    policy: Policy,
    rng: R,
    /// All so far, both directions.
    packets: u64,
    /// The count of packets at which a hop is due, for the policies that count.
    at_packets: u64,
    /// Since when it is due, or will be, as far as packets and time are concerned.
    reached: Option<Instant>,
    /// When the application first sent or received something since the last hop.
    cause: Option<Instant>,
    last: Option<Activity>,
    not_before: Option<Instant>,
    over: bool,
}

impl<R: Rng> Scheduler<R> {
    /// For a connection that was just opened.
    pub fn new(policy: Policy, rng: R, now: Instant) -> Self {
        let over = matches!(policy, Policy::Never | Policy::PerConnection);
        let mut scheduler = Self {
            policy,
            rng,
            packets: 0,
            at_packets: u64::MAX,
            reached: None,
            cause: None,
            last: None,
            not_before: None,
            over,
        };
        scheduler.plan(now);
        scheduler
    }

    /// Something happened.
    pub fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Packets(count) => {
                self.packets = self.packets.saturating_add(count);
                if self.packets >= self.at_packets {
                    self.reached.get_or_insert(now);
                }
            }
            Event::Sent => self.active(now, Activity::Sent(now)),
            Event::Received => self.active(now, Activity::Received(now)),
            Event::Hopped => {
                self.over |= matches!(self.policy, Policy::OnceAfterPackets(_)) && self.reached.is_some();
                (self.cause, self.not_before) = (None, None);
                self.plan(now);
            }
            // What was due stays due: nothing is drawn anew and no later hop is put off.
            Event::Refused(again) => self.not_before = Some(now + again),
            Event::Hopeless => self.over = true,
        }
    }

    /// When to hop, if nothing happens before; it may be past. None: not until something happens.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let cause = self.cause.filter(|_| !self.over)?;
        let at = match (self.policy, self.last?) {
            (Policy::BetweenBursts { gap }, Activity::Sent(last) | Activity::Received(last)) => last + gap.duration(),
            (_, last) => {
                let since = self.reached?.max(cause);
                let good = match last {
                    Activity::Sent(at) => at + EARLY,
                    // Another request may follow at once.
                    Activity::Received(at) => at + PATIENCE,
                };
                good.clamp(since, since + PATIENCE)
            }
        };
        Some(self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    fn active(&mut self, now: Instant, activity: Activity) {
        self.cause.get_or_insert(now);
        self.last = Some(activity);
    }

    fn plan(&mut self, now: Instant) {
        match self.policy {
            Policy::Never | Policy::PerConnection | Policy::BetweenBursts { .. } => {}
            // Counted from the start, not from the hop, so that late hops do not make hops rarer.
            Policy::EveryPackets(n) => self.count_to((self.packets / n).saturating_add(1).saturating_mul(n)),
            Policy::RandomPackets { min, max } => {
                let drawn = self.rng.random_range(min..=max);
                self.count_to(self.packets.saturating_add(drawn));
            }
            Policy::OnceAfterPackets(n) => self.count_to(n),
            Policy::RandomTime { min, max } | Policy::Stripes { min, max, .. } => {
                self.reached = Some(now + self.rng.random_range(min.duration()..=max.duration()));
            }
        }
    }

    fn count_to(&mut self, packets: u64) {
        (self.at_packets, self.reached) = (packets, None);
    }
}

#[cfg(test)]
mod tests;
