//! Makes a connection, or a session, follow its policy, and reports to the agent what became of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mimiq_api::local::{Counts, Report, app_request::Request};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::agent::{Agent, AgentError};
use super::connector::ConnectError;
use super::gate::Refusal;
use super::group::Group;
use super::hopping::{self, HopError};
use super::session::{self, Moved, SessionError};
use crate::policy::{Event, Policy, Scheduler};

/// What a datagram changed is in quinn's statistics after this time. Not looking more often leaves the connection its time.
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
pub(super) struct Following {
    pub(super) agent: Agent,
    pub(super) application: String,
    pub(super) policy: Policy,
    /// Somebody else makes the hops.
    pub(super) by_hand: bool,
    pub(super) group: Arc<Group>,
    pub(super) mover: Mover,
}

/// What hops.
pub(super) enum Mover {
    Connection(Arc<hopping::Inner>),
    Session(Weak<session::Inner>),
}

struct Follower {
    following: Following,
    group: Arc<Group>,
    number: u64,
    scheduler: Scheduler<StdRng>,
    /// The hop that is due has to wait for the end of a request.
    postponed: bool,
    reported: Option<Counts>,
}

/// Follows until all is closed, and the agent has heard of that.
pub(super) async fn follow(following: Following) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    let own = if following.by_hand { Policy::PerConnection } else { following.policy };
    let mut follower = Follower {
        group: following.group.clone(),
        number: NUMBER.fetch_add(1, Ordering::Relaxed),
        scheduler: Scheduler::new(own, StdRng::from_os_rng(), start),
        postponed: false,
        reported: None,
        following,
    };
    follower.run(start).await;
    let last = follower.report(true);
    let _ = tokio::time::timeout(LAST_REPORT_TIMEOUT, follower.following.agent.ask(last)).await;
    match &follower.following.mover {
        Mover::Connection(inner) => inner.unfollowed.notify_one(),
        Mover::Session(_) => follower.group.unfollowed.notify_one(),
    }
}

impl Follower {
    async fn run(&mut self, start: Instant) {
        let group = self.group.clone();
        // When something happened that was not looked at yet.
        let (mut happened, mut report_at) = (Some(start), start);
        while !group.is_closed() {
            let now = Instant::now();
            // Also those that the application made itself, or that were made because an address ended. First, as what they sent is
            // their own.
            self.note_moves(now);
            if let Some(at) = happened.filter(|at| *at + SETTLED <= now) {
                self.observe(at);
                happened = None;
            }
            if report_at <= now {
                report_at = now + REPORT_INTERVAL;
                self.observe(now);
                self.report_changes();
            }
            if self.is_over() {
                break;
            }
            let hop_at = self.scheduler.next().filter(|_| !self.postponed);
            if hop_at.is_some_and(|at| at <= now) {
                self.observe(now);
                self.hop().await;
                continue;
            }
            let settled = happened.map(|at| at + SETTLED);
            let wake = [Some(report_at), settled, hop_at].into_iter().flatten().min().unwrap_or(report_at);
            tokio::select! {
                () = group.traffic.notified(), if happened.is_none() => happened = Some(Instant::now()),
                () = group.free.notified() => self.postponed = false,
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn is_over(&self) -> bool {
        let last = match &self.following.mover {
            Mover::Connection(_) => true,
            Mover::Session(session) => session.strong_count() == 0,
        };
        last && self.group.is_over()
    }

    fn observe(&mut self, now: Instant) {
        let seen = self.group.observe(Instant::now());
        if seen.packets > 0 {
            self.scheduler.event(now, Event::Packets(seen.packets));
        }
        if seen.received {
            self.scheduler.event(now, Event::Received);
        }
        if seen.sent {
            self.scheduler.event(now, Event::Sent);
        }
    }

    fn note_moves(&mut self, now: Instant) -> bool {
        let moved = self.group.moved(now);
        if moved {
            self.postponed = false;
            self.scheduler.event(now, Event::Hopped);
        }
        moved
    }

    async fn hop(&mut self) {
        let outcome = match &self.following.mover {
            Mover::Connection(inner) => inner.hop().await.map(Moved::Hopped).map_err(SessionError::from),
            Mover::Session(session) => match session.upgrade() {
                Some(session) => session.hop_by_policy().await,
                None => Err(HopError::from(Refusal::Closed).into()),
            },
        };
        let now = Instant::now();
        let moved = self.note_moves(now);
        match outcome {
            Ok(Moved::Later) if !moved => self.postponed = true,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "the policy wants a hop");
                self.scheduler.event(now, self.refused(&error));
            }
        }
    }

    fn refused(&self, error: &SessionError) -> Event {
        match error {
            SessionError::Hop(HopError::Refused(Refusal::MigrationForbidden | Refusal::Closed)) => Event::Hopeless,
            // More IDs, or a confirmation, arrive with the next round trip.
            SessionError::Hop(HopError::Refused(_)) => Event::Refused(retry(self.group.round_trip() / 2)),
            SessionError::Hop(HopError::NoAddress(AgentError::Refused { retry_after, .. }))
            | SessionError::Connect(ConnectError::Agent(AgentError::Refused { retry_after, .. })) => {
                Event::Refused(retry(*retry_after))
            }
            SessionError::Hop(HopError::NoAddress(_) | HopError::Socket(_)) | SessionError::Connect(_) => {
                Event::Refused(LONGEST_RETRY)
            }
        }
    }

    fn report_changes(&mut self) {
        let counts = self.group.counts();
        if self.reported.as_ref() == Some(&counts) {
            return;
        }
        let report = self.report(false);
        self.reported = Some(counts);
        self.following.agent.tell(report);
    }

    fn report(&self, closed: bool) -> Request {
        Request::Report(Report {
            connection: self.number,
            application: self.following.application.clone(),
            policy: self.following.policy.to_string(),
            closed,
            counts: Some(self.group.counts()),
        })
    }
}

fn retry(after: Duration) -> Duration {
    after.clamp(SHORTEST_RETRY, LONGEST_RETRY)
}
