//! The outcome of a measurement, for people and as JSON.

mod table;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    load::Row,
    stats::{Latencies, Stats, Tally},
    usage::Process,
    worker::Connected,
};

/// A second with at most this share of unanswered requests is one that the server kept up with.
const LOSS: f64 = 0.01;

/// The outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Making the connections.
    pub connections: Connections,
    /// How long the measurement took: to the last answer, if that came after the duration.
    pub seconds: f64,
    /// Requests that should have been sent in a second, renewals included, releases not.
    pub offered_per_second: f64,
    /// Those that were done.
    pub done_per_second: f64,
    /// Addresses given or renewed in a second.
    pub addresses_per_second: f64,
    /// Share of those offered that got no answer.
    pub loss: f64,
    /// Of a ramp: the last second before more than 1 % of the requests got no answer.
    pub knee: Option<Second>,
    /// Requests for new addresses.
    pub acquire: Requests,
    /// Requests to use addresses longer.
    pub renew: Requests,
    /// Addresses given back.
    pub release: Requests,
    /// Addresses that the server took back by itself.
    pub revoked: u64,
    /// What went over the relays' sockets.
    pub datagrams: Datagrams,
    /// CPU time during the measurement.
    pub cpu: Cpu,
    /// The course, second by second.
    pub course: Vec<Second>,
}

/// Making the connections.
#[derive(Debug, Clone, Serialize)]
pub struct Connections {
    /// How many there were at the start.
    pub made: u64,
    /// Attempts that failed before.
    pub failed: u64,
    /// Connections that ended during the measurement.
    pub lost: u64,
    /// How long all took, seconds.
    pub seconds: f64,
    /// Handshakes.
    pub latency_ms: Latency,
}

/// Requests of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Requests {
    /// That should have been sent.
    pub offered: u64,
    /// That the server did.
    pub done: u64,
    /// Addresses in them.
    pub addresses: u64,
    /// Refusals by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Without an answer in time.
    pub lost: u64,
    /// Whose connection or stream ended.
    pub failed: u64,
    /// Whose answer made no sense.
    pub malformed: u64,
    /// From when a request should have been sent to its answer, of those done.
    pub latency_ms: Latency,
    /// The same of those refused.
    pub refusal_latency_ms: Latency,
}

/// Quantiles, milliseconds; 0 of nothing.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// What went over the relays' sockets during the measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Datagrams {
    /// Sent.
    pub sent: u64,
    /// Received for clients.
    pub received: u64,
    /// That the socket did not take.
    pub unsent: u64,
    /// Received for nobody.
    pub strange: u64,
}

/// CPU time, in CPUs: 1 is one CPU all the time.
#[derive(Debug, Clone, Serialize)]
pub struct Cpu {
    /// The generator's own.
    pub generator: f64,
    /// Of the processes that were watched.
    pub watched: Vec<Watched>,
}

/// A process that was watched.
#[derive(Debug, Clone, Serialize)]
pub struct Watched {
    /// Its ID.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// CPUs that it used.
    pub cpus: f64,
    /// Resident memory afterwards, bytes.
    pub memory: u64,
}

/// One second. Requests count in the one in which they should have been sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Second {
    /// Its number.
    pub second: u64,
    /// Requests that should have been sent.
    pub offered: u64,
    /// Those done.
    pub done: u64,
    /// Addresses in them.
    pub addresses: u64,
    /// Those refused.
    pub refused: u64,
    /// Those without an answer.
    pub unanswered: u64,
    /// Median latency of those done, milliseconds.
    pub p50_ms: f64,
    /// 99 % of those done took no longer.
    pub p99_ms: f64,
}

/// What a report is made of.
pub(crate) struct Outcome {
    pub connected: Connected,
    pub connecting: Duration,
    pub stats: Stats,
    pub rows: BTreeMap<u64, Row>,
    pub watched: Vec<(Process, Process)>,
    pub ramp: bool,
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        let Outcome { connected, connecting, stats, rows, watched, ramp } = outcome;
        let seconds = stats.elapsed.as_secs_f64().max(1e-3);
        let counted = [&stats.acquire, &stats.renew];
        let sum = |of: fn(&Tally) -> u64| counted.iter().map(|tally| of(tally)).sum::<u64>() as f64;
        let (offered, unanswered) = (sum(|tally| tally.offered), sum(Tally::unanswered));
        let course: Vec<_> = rows.iter().map(|(second, row)| Second::new(*second, row)).collect();
        let kept_up = course.iter().take_while(|second| second.unanswered as f64 <= second.offered as f64 * LOSS);
        Self {
            connections: Connections {
                made: connected.made,
                failed: connected.failed,
                lost: stats.connections_lost,
                seconds: connecting.as_secs_f64(),
                latency_ms: Latency::of(&connected.latency),
            },
            seconds,
            offered_per_second: offered / seconds,
            done_per_second: sum(|tally| tally.done) / seconds,
            addresses_per_second: sum(|tally| tally.addresses) / seconds,
            loss: if offered > 0.0 { unanswered / offered } else { 0.0 },
            knee: if ramp { kept_up.last().copied() } else { None },
            acquire: (&stats.acquire).into(),
            renew: (&stats.renew).into(),
            release: (&stats.release).into(),
            revoked: stats.revoked,
            datagrams: Datagrams {
                sent: stats.sent,
                received: stats.received,
                unsent: stats.unsent,
                strange: stats.strange,
            },
            cpu: Cpu {
                generator: stats.cpu.as_secs_f64() / seconds,
                watched: watched.into_iter().map(|(before, after)| Watched::new(&before, after, seconds)).collect(),
            },
            course,
        }
    }
}

impl From<&Tally> for Requests {
    fn from(tally: &Tally) -> Self {
        Self {
            offered: tally.offered,
            done: tally.done,
            addresses: tally.addresses,
            refused: tally.refused.clone(),
            lost: tally.lost,
            failed: tally.failed,
            malformed: tally.malformed,
            latency_ms: Latency::of(&tally.latency),
            refusal_latency_ms: Latency::of(&tally.refusal_latency),
        }
    }
}

impl Watched {
    fn new(before: &Process, after: Process, seconds: f64) -> Self {
        let cpus = after.cpu.saturating_sub(before.cpu).as_secs_f64() / seconds;
        Self { pid: after.pid, name: after.name, cpus, memory: after.memory }
    }
}

impl Second {
    pub(crate) fn new(second: u64, row: &Row) -> Self {
        let Row { offered, done, addresses, refused, unanswered, ref latency } = *row;
        let Latency { p50, p99, .. } = latency.as_ref().map(Latency::of).unwrap_or_default();
        Self { second, offered, done, addresses, refused, unanswered, p50_ms: p50, p99_ms: p99 }
    }
}

impl Latency {
    fn of(latencies: &Latencies) -> Self {
        let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
        let quantile = |quantile| milliseconds(latencies.value_at_quantile(quantile));
        Self {
            mean: latencies.mean() / 1000.0,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: milliseconds(latencies.max()),
        }
    }
}
