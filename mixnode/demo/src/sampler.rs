//! Looks at all mixes' metrics while everything else goes on.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mimiq_mix_testbed::Network;

use crate::run::Run;

/// What a mix said at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Seconds since the demo began.
    pub(crate) at: f64,
    /// Packets it got from other nodes, since it started.
    pub(crate) received: f64,
    /// Whether too few of its loops come back.
    pub(crate) alarmed: bool,
    /// By what it multiplies its cover traffic.
    pub(crate) cover: f64,
}

/// A mix's readings.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) mix: String,
    pub(crate) readings: Vec<Reading>,
}

impl Series {
    /// Packets per second between two readings, and when that was.
    pub(crate) fn rates(&self) -> impl Iterator<Item = (f64, f64)> {
        self.readings.windows(2).map(|pair| {
            let (before, after) = (&pair[0], &pair[1]);
            (after.at, (after.received - before.received) / (after.at - before.at).max(1e-3))
        })
    }

    /// From when to when it was alarmed.
    pub(crate) fn alarms(&self) -> Vec<(f64, f64)> {
        let mut alarms: Vec<(f64, f64)> = Vec::new();
        let mut alarmed = false;
        for reading in &self.readings {
            match alarms.last_mut().filter(|_| alarmed) {
                Some((_, to)) => *to = reading.at,
                None if reading.alarmed => alarms.push((reading.at, reading.at)),
                None => {}
            }
            alarmed = reading.alarmed;
        }
        alarms
    }

    /// The largest factor of cover traffic from then on.
    pub(crate) fn most_cover(&self, from: f64) -> f64 {
        self.readings.iter().filter(|reading| reading.at >= from).map(|reading| reading.cover).fold(1.0, f64::max)
    }
}

/// What is known of all mixes, while it grows.
pub(crate) struct Sampler {
    series: Mutex<Vec<Series>>,
    done: AtomicBool,
}

/// The sampler goes on as long as this lives.
pub(crate) struct Sampling<'a>(&'a Sampler);

impl Drop for Sampling<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Relaxed);
    }
}

impl Sampler {
    pub(crate) fn new(network: &Network) -> Self {
        let series = network.mixes().map(|mix| Series { mix: mix.to_owned(), readings: Vec::new() }).collect();
        Self { series: Mutex::new(series), done: AtomicBool::new(false) }
    }

    pub(crate) fn until_dropped(&self) -> Sampling<'_> {
        Sampling(self)
    }

    /// Looks so often (seconds) until it is told to end. A mix that does not answer has no reading.
    pub(crate) fn run(&self, run: &Run, network: &Network, every: f64) {
        while !self.done.load(Ordering::Relaxed) {
            let names: Vec<String> = self.series().into_iter().map(|series| series.mix).collect();
            for (place, name) in names.iter().enumerate() {
                let Ok(metrics) = network.metrics(name) else { continue };
                let reading = Reading {
                    at: run.now(),
                    received: metrics.value("mimiq_mix_packets_total{event=\"received\"}"),
                    alarmed: metrics.value("mimiq_mix_under_attack") > 0.0,
                    cover: metrics.value("mimiq_mix_cover_factor"),
                };
                let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(series) = series.get_mut(place) {
                    series.readings.push(reading);
                }
            }
            std::thread::park_timeout(Duration::from_secs_f64(every));
        }
    }

    /// All so far.
    pub(crate) fn series(&self) -> Vec<Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_alarms_follow_from_readings() {
        let reading = |at: u32, alarmed| Reading {
            at: f64::from(at),
            received: f64::from(at * at),
            alarmed,
            cover: f64::from(at),
        };
        let readings = [false, true, true, false, true, false].into_iter().zip(0..).map(|(on, at)| reading(at, on));
        let series = Series { mix: "m1-1".to_owned(), readings: readings.collect() };
        assert_eq!(series.rates().collect::<Vec<_>>(), [(1.0, 1.0), (2.0, 3.0), (3.0, 5.0), (4.0, 7.0), (5.0, 9.0)]);
        assert_eq!(series.alarms(), [(1.0, 3.0), (4.0, 5.0)]);
        assert_eq!(series.most_cover(0.0), 5.0);
    }
}
