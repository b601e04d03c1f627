//! A whole mix: a process of `mimiq-mix` between two neighbours that are played, over UDP on loopback.

mod attempt;
mod generator;
mod packets;
mod place;
mod sink;

use std::time::Duration;

use attempt::Running;
use mimiq_mixing::ReplayGuard;
use packets::Packets;
use place::Place;
use rand::RngCore as _;

use crate::lab;
use crate::result::Measurement;
use crate::search;

/// Packets, used again for each process.
const PACKETS: usize = 400_000;
/// How long a rate is tried; less when the packets are not enough.
const SECONDS: f64 = 5.0;
/// Where the search for the highest rate begins, packets per second.
const FROM: u32 = 5_000;
/// How often a rate is tried: another program may have had the processor.
const TRIES: usize = 3;
/// Packets waiting in the mix for the figure of memory.
const WAITING: usize = 100_000;
const TAGS: usize = 1_000_000;

/// Loopix §5: microseconds to process a packet, and about 300 packets per second for a mix.
const PAPER: &str = "the Loopix paper";
const PAPER_PROCESSING: f64 = 600.0;
const PAPER_RATE: f64 = 300.0;
/// The marks, microseconds: 40,000 packets for each second of a core, and packets that are late.
const MARK_CPU: f64 = 25.0;
const MARK_LATE: f64 = 100.0;

/// All measurements.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let place = Place::new()?;
    println!("a mix; X25519: {}", mimiq_sphinx::backend());
    let packets = Packets::new(&place, PACKETS, |rng| place.directory.delay(rng))?;
    let mut best = None;
    let highest = search::highest(FROM, 1.05, |rate| {
        for _ in 0..TRIES {
            let count = (f64::from(rate) * SECONDS) as usize;
            let mut running = Running::start(&place, &packets, 65_536)?;
            let attempt = running.load(&packets, count, rate.into())?;
            running.stop()?;
            attempt.print();
            if attempt.is_carried() {
                best = Some(attempt);
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    let mut results = Vec::new();
    if let Some(best) = best {
        println!("highest rate: {highest} packets/s, {:.0} for each second of a core", 1e6 / best.cpu);
        results.push(Measurement::new("node: 1 / highest packet rate", 1e6 / best.rate, "us", PAPER, 1e6 / PAPER_RATE));
        results.push(Measurement::new("node: CPU of a packet", best.cpu, "us", PAPER, PAPER_PROCESSING));
        results.push(Measurement::with_mark("node: CPU of a packet", best.cpu, "us", MARK_CPU));
    }

    let mut running = Running::start(&place, &packets, 65_536)?;
    let half = running.load(&packets, packets.len(), f64::from(highest) / 2.0)?;
    running.stop()?;
    half.print();
    let [_, p99] = half.late;
    results.push(Measurement::with_mark("node: p99 late at half of it", p99, "us", MARK_LATE));
    drop(packets);

    memory(&place, f64::from(highest) / 2.0)?;
    results.iter().for_each(Measurement::print);
    Ok(results)
}

/// Prints what packets that wait take in the mix, which takes so many per second, and what tags take here.
fn memory(place: &Place, rate: f64) -> anyhow::Result<()> {
    let probe = Packets::new(place, 100, |_| Duration::ZERO)?;
    let packets = Packets::new(place, WAITING, |_| Duration::from_secs(600))?;
    let mut running = Running::start(place, &probe, WAITING + 1000)?;
    let bytes = running.fill(&packets, rate)?;
    running.stop()?;
    println!("memory: {bytes:.0} bytes for each of {WAITING} waiting packets, their tags included");

    let folder = tempfile::tempdir()?;
    let mut tags = vec![[0; 16]; TAGS];
    tags.iter_mut().for_each(|tag| rand::rng().fill_bytes(tag));
    let before = lab::resident_mb(std::process::id())?;
    let (mut guard, _) = ReplayGuard::open(&folder.path().join("tags"), 0, [0; 16], TAGS)?;
    let mut verdicts = Vec::new();
    for tags in tags.chunks(64) {
        verdicts.clear();
        guard.admit(tags, &mut verdicts)?;
    }
    let (grown, counted) = (lab::resident_mb(std::process::id())? - before, guard.memory() as f64 / 1e6);
    println!("memory: {grown:.1} MB for a million tags, {counted:.1} MB by its own count");
    Ok(())
}
