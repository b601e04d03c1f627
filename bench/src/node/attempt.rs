//! A mix under a load: a new process with an empty replay log.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mimiq_mix_testbed::{Metrics, Process};

use super::generator::{Generator, Sent};
use super::packets::Packets;
use super::place::Place;
use super::sink::Sink;
use crate::{cpu, lab};

/// For a process to start, and for what should happen soon.
const PATIENCE: Duration = Duration::from_secs(30);
/// After that long without a packet none comes any more: twenty times the mean delay.
const QUIET: Duration = Duration::from_millis(400);
const DROPPED: &str = "mimiq_mix_packets_dropped_total{reason=\"";
const LATE: &str = "mimiq_mix_late_seconds_bucket{le=\"";

/// A running mix, and its neighbours.
pub(super) struct Running<'a> {
    place: &'a Place,
    process: Process,
    generator: Generator,
    sink: Sink,
    /// Packets that were spent to see whether it works.
    spent: usize,
}

/// What became of a load.
pub(super) struct Attempt {
    /// Packets per second.
    pub(super) rate: f64,
    pub(super) sent: u64,
    pub(super) arrived: u64,
    /// How much longer it took to send them than it should have.
    behind: f64,
    /// Of the mix's process, microseconds for each packet that arrived.
    pub(super) cpu: f64,
    /// How late packets have left, microseconds: median and 99th percentile.
    pub(super) late: [f64; 2],
    lost: Vec<(String, f64)>,
}

impl<'a> Running<'a> {
    /// Starts a mix with room for so many packets that wait, and waits until it relays.
    pub(super) fn start(place: &'a Place, packets: &Packets, queue: usize) -> anyhow::Result<Self> {
        let file = place.prepare(queue)?;
        let mut command = Command::new(lab::release_build("mimiq-mix")?);
        command.args(["node", "run", "--config"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(&mut command, &place.path().join("mix.log"))?;
        let (sink, generator) = (Sink::start(place)?, Generator::new(place)?);
        let mut running = Self { place, process, generator, sink, spent: 0 };
        let end = Instant::now() + PATIENCE;
        let mut probes = packets.first(packets.len());
        while running.sink.arrived() == 0 {
            ensure!(Instant::now() < end, "the mix relays nothing: {}", running.process.log());
            let probe = probes.next().context("no packets left")?;
            running.generator.send([probe].into_iter(), 1000.0)?;
            running.spent += 1;
            running.sink.wait(1, Duration::from_millis(100));
        }
        running.sink.wait(running.spent as u64, QUIET);
        Ok(running)
    }

    /// Sends some of the packets at a rate.
    pub(super) fn load(&mut self, packets: &Packets, count: usize, rate: f64) -> anyhow::Result<Attempt> {
        let id = self.process.child().id();
        let (before, arrived) = (Metrics::of(&self.place.metrics)?, self.sink.arrived());
        let (cpu, kernel) = (cpu::process(id)?, self.place.dropped_by_kernel()?);
        let unspent = packets.first(count + self.spent).skip(self.spent);
        let planned = unspent.len() as f64 / rate;
        let Sent { packets: sent, time } = self.generator.send(unspent, rate)?;
        self.sink.wait(arrived + sent, QUIET);
        let arrived = self.sink.arrived() - arrived;
        let cpu = (cpu::process(id)? - cpu) as f64 / 1000.0 / arrived as f64;
        let after = Metrics::of(&self.place.metrics)?;
        let kernel = self.place.dropped_by_kernel()? - kernel;
        let mut lost = vec![("kernel's buffer".to_owned(), kernel as f64)];
        for (name, packets) in after.all(DROPPED) {
            let old = before.value(&format!("{DROPPED}{name}"));
            lost.push((name.trim_end_matches("\"}").to_owned(), packets - old));
        }
        lost.retain(|(_, packets)| *packets > 0.0);
        let late = Late::between(&before, &after);
        let (behind, late) = (time.as_secs_f64() / planned, [0.5, 0.99].map(|share| late.quantile(share)));
        Ok(Attempt { rate, sent, arrived, behind, cpu, late, lost })
    }

    /// Sends all of the packets, which stay in the mix, and says by how many bytes its memory grows for each.
    pub(super) fn fill(&mut self, packets: &Packets, rate: f64) -> anyhow::Result<f64> {
        let gauge = |metrics: &Metrics| metrics.value("mimiq_mix_queue_packets");
        let before = self.resident()?;
        let sent = self.generator.send(packets.first(packets.len()), rate)?.packets;
        let end = Instant::now() + PATIENCE;
        let waiting = loop {
            let waiting = gauge(&Metrics::of(&self.place.metrics)?);
            if waiting >= sent as f64 {
                break waiting;
            }
            ensure!(Instant::now() < end, "{waiting} of {sent} packets wait in the mix");
            std::thread::park_timeout(Duration::from_millis(100));
        };
        Ok((self.resident()? - before) / waiting)
    }

    /// Ends the process properly.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.sink.stop()?;
        let status = self.process.terminate()?;
        ensure!(status.success(), "the mix has ended with {status}: {}", self.process.log());
        Ok(())
    }

    /// Bytes of memory.
    fn resident(&mut self) -> anyhow::Result<f64> {
        lab::resident_mb(self.process.child().id()).map(|megabytes| megabytes * 1e6)
    }
}

impl Attempt {
    /// Whether at most one packet of a thousand was lost, at the rate that was wanted.
    pub(super) fn is_carried(&self) -> bool {
        self.lost() <= 0.001 && self.behind < 1.02
    }

    fn lost(&self) -> f64 {
        1.0 - self.arrived as f64 / self.sent as f64
    }

    pub(super) fn print(&self) {
        let Self { rate, sent, cpu, late: [median, p99], behind, .. } = self;
        let lost: Vec<String> = self.lost.iter().map(|(name, packets)| format!("{name} {packets}")).collect();
        println!(
            "{rate:>8.0}/s {sent:>8} sent {:>7.3} % lost {cpu:>6.2} us CPU each {median:>7.1} us late, p99 {p99:>8.1} {}{}",
            100.0 * self.lost(),
            lost.join(", "),
            if *behind < 1.02 { "" } else { "; the generator did not keep up" }
        );
    }
}

/// How many packets left by how late at most, microseconds.
struct Late(Vec<(f64, f64)>);

impl Late {
    fn between(before: &Metrics, after: &Metrics) -> Self {
        let buckets = after.all(LATE).filter_map(|(bound, packets)| {
            let old = before.value(&format!("{LATE}{bound}"));
            let bound: f64 = bound.trim_end_matches("\"}").trim_start_matches('+').parse().ok()?;
            Some((bound * 1e6, packets - old))
        });
        let mut buckets: Vec<_> = buckets.collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(buckets)
    }

    /// Between the bounds of a bucket, all are as likely; what is beyond the last bound counts as it.
    fn quantile(&self, share: f64) -> f64 {
        let wanted = share * self.0.last().map_or(0.0, |(_, all)| *all);
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, packets) in &self.0 {
            if *packets >= wanted && *packets > below {
                let part = (wanted - below) / (packets - below);
                return if bound.is_finite() { low + part * (bound - low) } else { low };
            }
            (low, below) = (*bound, *packets);
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_buckets() {
        let late = Late(vec![(10.0, 50.0), (20.0, 99.0), (100.0, 99.0), (f64::INFINITY, 100.0)]);
        assert_eq!([0.25, 0.5, 0.99, 0.999].map(|share| late.quantile(share)), [5.0, 10.0, 20.0, 100.0]);
        assert_eq!(Late(Vec::new()).quantile(0.5), 0.0);
    }
}
