//! What is counted.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use mimiq_api::allocation::RefusalReason;

/// Latencies, microseconds, to three digits.
pub(crate) type Latencies = Histogram<u64>;

/// An empty histogram of up to a minute.
pub(crate) fn latencies() -> anyhow::Result<Latencies> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// Counts a latency; one longer than the histogram's end as that long.
pub(crate) fn record(latencies: &mut Latencies, latency: Duration) {
    latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As asked, with so many addresses.
    Done(u64),
    /// The server said no.
    Refused(RefusalReason),
    /// No answer in time.
    Lost,
    /// The connection or the stream ended.
    Failed,
    /// The answer made no sense.
    Malformed,
}

/// Requests of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub offered: u64,
    pub done: u64,
    pub addresses: u64,
    pub refused: BTreeMap<&'static str, u64>,
    pub lost: u64,
    pub failed: u64,
    pub malformed: u64,
    pub latency: Latencies,
    pub refusal_latency: Latencies,
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            offered: 0,
            done: 0,
            addresses: 0,
            refused: BTreeMap::new(),
            lost: 0,
            failed: 0,
            malformed: 0,
            latency: latencies()?,
            refusal_latency: latencies()?,
        })
    }

    pub(crate) fn count(&mut self, end: End, latency: Duration) {
        match end {
            End::Done(addresses) => {
                self.done += 1;
                self.addresses += addresses;
                record(&mut self.latency, latency);
            }
            End::Refused(reason) => {
                *self.refused.entry(label(reason)).or_default() += 1;
                record(&mut self.refusal_latency, latency);
            }
            End::Lost => self.lost += 1,
            End::Failed => self.failed += 1,
            End::Malformed => self.malformed += 1,
        }
    }

    /// Neither done nor refused, though offered.
    pub(crate) fn unanswered(&self) -> u64 {
        self.lost + self.failed + self.malformed
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.offered += other.offered;
        self.done += other.done;
        self.addresses += other.addresses;
        self.lost += other.lost;
        self.failed += other.failed;
        self.malformed += other.malformed;
        for (reason, number) in &other.refused {
            *self.refused.entry(reason).or_default() += number;
        }
        self.latency.add(&other.latency)?;
        self.refusal_latency.add(&other.refusal_latency)?;
        Ok(())
    }
}

/// The reason's name in the report.
fn label(reason: RefusalReason) -> &'static str {
    reason.as_str_name().trim_start_matches("REFUSAL_REASON_")
}

/// Everything that a thread counts.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    pub acquire: Tally,
    pub renew: Tally,
    pub release: Tally,
    /// Addresses that the server revoked.
    pub revoked: u64,
    /// Connections that ended during the measurement.
    pub connections_lost: u64,
    /// Datagrams sent, received, not sent because the socket was full, received but not for a simulated client.
    pub sent: u64,
    pub received: u64,
    pub unsent: u64,
    pub strange: u64,
    /// From the start to the end of the duration or to the last answer, whichever is later.
    pub elapsed: Duration,
    /// CPU time of the thread.
    pub cpu: Duration,
}

impl Stats {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            acquire: Tally::new()?,
            renew: Tally::new()?,
            release: Tally::new()?,
            revoked: 0,
            connections_lost: 0,
            sent: 0,
            received: 0,
            unsent: 0,
            strange: 0,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
        })
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.acquire.add(&other.acquire)?;
        self.renew.add(&other.renew)?;
        self.release.add(&other.release)?;
        self.revoked += other.revoked;
        self.connections_lost += other.connections_lost;
        self.sent += other.sent;
        self.received += other.received;
        self.unsent += other.unsent;
        self.strange += other.strange;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.cpu += other.cpu;
        Ok(())
    }
}
