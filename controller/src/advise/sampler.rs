use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use metrics::counter;
use mimiq_addressing::Time;
use mimiq_contract::{DropReason, EntryKey};
use mimiq_core::{Ended, SwitchId, rules};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{FRACTIONS, Histogram};
use crate::allocator::Allocator;

/// Leases watched per second, and at a time: each is read eight times.
const PER_SECOND: f64 = 20.0;
const AT_A_TIME: usize = 2000;
/// Between two looks: a fraction of the shortest interval, within these bounds.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// Between two looks at what came too late.
const MISSES: Duration = Duration::from_secs(10);

/// Watches some of the leases that end, to see which packets are late for them.
pub struct Advisor {
    allocator: Arc<Allocator>,
    grace: Duration,
    histogram: Mutex<Histogram>,
}

/// An ended lease under observation.
struct Watched {
    key: EntryKey,
    switch: SwitchId,
    ended: Time,
    /// The counter at the end of the lease and at each reading so far.
    seen: Vec<u64>,
}

impl Advisor {
    /// Watches leases with this grace.
    pub fn new(allocator: Arc<Allocator>, grace: Duration) -> Self {
        Self { allocator, grace, histogram: Mutex::new(Histogram::new(grace)) }
    }

    fn lock(&self) -> MutexGuard<'_, Histogram> {
        self.histogram.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen so far.
    pub fn histogram(&self) -> Histogram {
        self.lock().clone()
    }

    /// Watches, for ever.
    pub async fn run(&self) {
        if self.grace.is_zero() {
            return;
        }
        let readings = self.lock().readings();
        let mut look = interval((readings[0] / 4).clamp(LOOK.0, LOOK.1));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut watched, mut budget, mut last) = (Vec::new(), 0.0, Instant::now());
        let (mut missed, mut looked_at_misses) = (HashMap::new(), Instant::now());
        loop {
            look.tick().await;
            budget = (budget + last.elapsed().as_secs_f64() * PER_SECOND).min(PER_SECOND);
            last = Instant::now();
            let (ended, now) = self.allocator.with(|core, now| (core.take_ended(), now));
            let room = AT_A_TIME.saturating_sub(watched.len()).min(budget as usize);
            let new: Vec<Watched> = ended.iter().filter_map(|lease| self.watch(lease, now)).take(room).collect();
            budget -= new.len() as f64;
            watched.extend(new);
            watched = self.look_at(watched, &readings).await;
            if looked_at_misses.elapsed() > MISSES {
                looked_at_misses = Instant::now();
                self.count_misses(&mut missed).await;
            }
        }
    }

    fn watch(&self, lease: &Ended, now: Time) -> Option<Watched> {
        // Nobody may have looked for a while.
        if now.since(lease.at) > LOOK.1.min(self.grace / 32) {
            return None;
        }
        let switch = self.allocator.with(|core, _| core.switch_with_sid(lease.location.sid))?;
        let key = rules::delivery(lease.location, lease.address).key();
        Some(Watched { key, switch, ended: lease.at, seen: Vec::with_capacity(1 + FRACTIONS.len()) })
    }

    /// Reads the counters that are due; returns those that are to be watched further.
    async fn look_at(&self, watched: Vec<Watched>, readings: &[Duration]) -> Vec<Watched> {
        let now = self.allocator.with(|_, now| now);
        let at = |lease: &Watched| match lease.seen.len() {
            0 => Duration::ZERO,
            n => readings[n - 1],
        };
        let mut due: HashMap<SwitchId, Vec<Watched>> = HashMap::new();
        let mut rest = Vec::with_capacity(watched.len());
        for lease in watched {
            let elapsed = now.since(lease.ended);
            if elapsed < at(&lease) {
                rest.push(lease);
            // One that is read too late would count packets as less late than they were.
            } else if elapsed <= at(&lease) + at(&lease) / 4 + LOOK.1.min(self.grace / 64) {
                due.entry(lease.switch).or_default().push(lease);
            }
        }
        let reading = due.into_iter().map(|(switch, leases)| self.read(switch, leases));
        for lease in join_all(reading).await.into_iter().flatten() {
            match lease.seen.split_first() {
                Some((at_end, seen)) if seen.len() == FRACTIONS.len() => {
                    let mut all = [0; FRACTIONS.len()];
                    all.copy_from_slice(seen);
                    let mut histogram = self.lock();
                    let before = histogram.packets();
                    histogram.record(*at_end, all);
                    counter!("mimiq_controller_late_samples_total").increment(1);
                    counter!("mimiq_controller_late_packets_total").increment(histogram.packets() - before);
                }
                _ => rest.push(lease),
            }
        }
        rest
    }

    /// Those whose counters were read.
    async fn read(&self, switch: SwitchId, mut leases: Vec<Watched>) -> Vec<Watched> {
        let Some(mut reader) = self.allocator.look_at(switch).await else { return Vec::new() };
        let keys: Vec<EntryKey> = leases.iter().map(|lease| lease.key).collect();
        match reader.packets(&keys).await {
            Ok(packets) => {
                for (lease, packets) in leases.iter_mut().zip(&packets) {
                    lease.seen.extend(packets);
                }
                // An entry that is gone: the lease was revoked for good, or the switch restarted.
                let mut there = packets.iter().map(Option::is_some);
                leases.retain(|_| there.next().unwrap_or(false));
                leases
            }
            Err(error) => {
                tracing::debug!(%error, "no counters were read");
                Vec::new()
            }
        }
    }

    /// Counts what client-facing switches had for nobody since the last time.
    async fn count_misses(&self, before: &mut HashMap<SwitchId, u64>) {
        let switches: Vec<SwitchId> = self
            .allocator
            .with(|core, _| core.switches().filter(|(_, switch)| switch.sid().is_some()).map(|(id, _)| id).collect());
        for switch in switches {
            let Some(mut reader) = self.allocator.look_at(switch).await else { continue };
            // A target without the counter says nothing.
            let Ok(drops) = reader.drops(DropReason::ClientMiss).await else { continue };
            if let Some(before) = before.insert(switch, drops) {
                self.lock().miss(drops.saturating_sub(before));
            }
        }
    }
}
