//! Makes a connection follow its policy, and reports to the agent what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mimiq_api::local::{Counts, Report, app_request::Request};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::agent::AgentError;
use super::gate::Refusal;
use super::hopping::{HopError, Inner};
use super::meter::{self, Meter};
use crate::policy::{Event, Policy, Scheduler};

/// What a datagram changed is in quinn's statistics after this time at the latest.
const SETTLED: Duration = Duration::from_millis(1);
/// How often the agent is told, if there is anything to tell.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last report may take.
const LAST_REPORT_TIMEOUT: Duration = Duration::from_secs(1);
/// The shortest time until a refused hop is tried again.
const SHORTEST_RETRY: Duration = Duration::from_millis(2);
/// The longest.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// Who follows what.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) application: String,
    pub(super) policy: Policy,
}

struct Follower {
    inner: Arc<Inner>,
    following: Following,
    number: u64,
    scheduler: Scheduler<StdRng>,
    meter: Meter,
    hops: u64,
    padding_bytes: u64,
    reported: Option<Counts>,
}

/// Follows until the connection is closed, and the agent has heard of that.
pub(super) async fn follow(inner: Arc<Inner>, following: Following) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    let mut follower = Follower {
        scheduler: Scheduler::new(following.policy, StdRng::from_os_rng(), start),
        following,
        number: NUMBER.fetch_add(1, Ordering::Relaxed),
        meter: Meter::default(),
        hops: 0,
        padding_bytes: 0,
        reported: None,
        inner,
    };
    follower.run(start).await;
    let last = follower.report(true);
    let _ = tokio::time::timeout(LAST_REPORT_TIMEOUT, follower.inner.parts.agent.ask(last)).await;
    follower.inner.unfollowed.notify_one();
}

impl Follower {
    async fn run(&mut self, start: Instant) {
        let inner = self.inner.clone();
        let traffic = inner.parts.sockets.traffic();
        let (mut settled, mut report_at) = (Some(start), start);
        loop {
            let now = Instant::now();
            self.observe(now);
            settled = settled.filter(|at| *at > now);
            if report_at <= now {
                report_at = now + REPORT_INTERVAL;
                self.report_changes();
            }
            let hop_at = self.scheduler.next();
            if hop_at.is_some_and(|at| at <= now) {
                self.hop().await;
                continue;
            }
            let wake = [Some(report_at), settled, hop_at].into_iter().flatten().min().unwrap_or(report_at);
            tokio::select! {
                _ = inner.parts.connection.closed() => return,
                () = traffic.notified() => settled = Some(Instant::now() + SETTLED),
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn observe(&mut self, now: Instant) {
        let seen = self.meter.observe(now, &self.inner.parts.connection.stats());
        if seen.packets > 0 {
            self.scheduler.event(now, Event::Packets(seen.packets));
        }
        if seen.received {
            self.scheduler.event(now, Event::Received);
        }
        if seen.sent {
            self.scheduler.event(now, Event::Sent);
        }
        // Made by the application itself, or because an address ended.
        self.note_hops(now);
    }

    fn note_hops(&mut self, now: Instant) {
        let (hops, padding_bytes) = (self.inner.hops.load(Ordering::Relaxed), self.inner.tally.padding_bytes());
        if hops > self.hops {
            self.meter.hopped(now, padding_bytes > self.padding_bytes);
            self.scheduler.event(now, Event::Hopped);
        }
        (self.hops, self.padding_bytes) = (hops, padding_bytes);
    }

    async fn hop(&mut self) {
        let outcome = self.inner.hop().await;
        let now = Instant::now();
        self.note_hops(now);
        if let Err(error) = outcome {
            tracing::debug!(%error, "the policy wants a hop");
            let event = match &error {
                HopError::Refused(Refusal::MigrationForbidden | Refusal::Closed) => Event::Hopeless,
                // More IDs, or a confirmation, arrive with the next round trip.
                HopError::Refused(_) => Event::Refused(retry(self.inner.parts.connection.rtt() / 2)),
                HopError::NoAddress(AgentError::Refused { retry_after, .. }) => Event::Refused(retry(*retry_after)),
                HopError::NoAddress(_) | HopError::Socket(_) => Event::Refused(LONGEST_RETRY),
            };
            self.scheduler.event(now, event);
        }
    }

    fn report_changes(&mut self) {
        let counts = self.counts();
        if self.reported.as_ref() == Some(&counts) {
            return;
        }
        let report = self.report(false);
        self.reported = Some(counts);
        self.inner.parts.agent.tell(report);
    }

    fn report(&self, closed: bool) -> Request {
        Request::Report(Report {
            connection: self.number,
            application: self.following.application.clone(),
            policy: self.following.policy.to_string(),
            closed,
            counts: Some(self.counts()),
        })
    }

    fn counts(&self) -> Counts {
        let (inner, stats) = (&self.inner, self.inner.parts.connection.stats());
        let (validations, validation_time) = self.meter.validations();
        let duplicate_bytes = inner.parts.sockets.duplicate_bytes();
        let refusals = inner.tally.refusals().into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
        Counts {
            // Those that a packet left from: one may be followed by the next before.
            hops: inner.parts.sockets.ids().moves,
            refusals,
            packets: meter::packets(&stats),
            bytes: stats.udp_tx.bytes + stats.udp_rx.bytes + duplicate_bytes,
            padding_bytes: inner.tally.padding_bytes(),
            probe_bytes: meter::probe_bytes(&stats),
            validations,
            duplicate_bytes,
            validation_us: u64::try_from(validation_time.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

fn retry(after: Duration) -> Duration {
    after.clamp(SHORTEST_RETRY, LONGEST_RETRY)
}
