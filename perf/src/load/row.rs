//! The course of a measurement, second by second. A request counts in the second in which it should have been sent.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::stats::{End, Latencies, latencies, record};

/// One second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub offered: u64,
    pub done: u64,
    pub addresses: u64,
    pub refused: u64,
    pub unanswered: u64,
    /// Of the requests that were done; made when there is one.
    pub latency: Option<Latencies>,
}

impl Row {
    pub(super) fn count(&mut self, end: End, latency: Duration) {
        match end {
            End::Done(addresses) => {
                self.done += 1;
                self.addresses += addresses;
                if self.latency.is_none() {
                    self.latency = latencies().ok();
                }
                if let Some(latencies) = &mut self.latency {
                    record(latencies, latency);
                }
            }
            End::Refused(_) => self.refused += 1,
            End::Lost | End::Failed | End::Malformed => self.unanswered += 1,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.offered += other.offered;
        self.done += other.done;
        self.addresses += other.addresses;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        match (&mut self.latency, &other.latency) {
            (Some(own), Some(other)) => own.add(other)?,
            (own @ None, other) => own.clone_from(other),
            (Some(_), None) => {}
        }
        Ok(())
    }
}

/// The seconds that may still change.
pub(super) struct Rows {
    start: Instant,
    /// For how long after its second a request may be unsettled.
    patience: Duration,
    first: u64,
    rows: VecDeque<Row>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Rows {
    pub(super) fn new(start: Instant, patience: Duration) -> Self {
        Self { start, patience, first: 0, rows: VecDeque::new() }
    }

    /// The row of a request that was due then.
    pub(super) fn row(&mut self, due: Instant) -> &mut Row {
        let second = due.saturating_duration_since(self.start).as_secs();
        // One that is settled is not met again: patience is at its end by then.
        let index = second.saturating_sub(self.first) as usize;
        while self.rows.len() <= index {
            self.rows.push_back(Row::default());
        }
        &mut self.rows[index]
    }

    /// When the next row is settled.
    pub(super) fn next(&self) -> Instant {
        self.start + self.patience + SECOND * (u32::try_from(self.first).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// The rows that are settled, each with its second.
    pub(super) fn settled(&mut self, now: Instant) -> impl Iterator<Item = (u64, Row)> {
        let mut settled = Vec::new();
        while now >= self.next() {
            settled.push((self.first, self.rows.pop_front().unwrap_or_default()));
            self.first += 1;
        }
        settled.into_iter()
    }

    /// All that are left.
    pub(super) fn rest(self) -> Vec<(u64, Row)> {
        (self.first..).zip(self.rows).collect()
    }
}
