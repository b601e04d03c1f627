//! The pipeline without packet I/O: nanoseconds per packet, beside straightforward code for the same work.

mod batch;
mod network;
mod peer;
mod work;

use std::time::Instant;

use anyhow::ensure;
use mimiq_pipeline::{DropCounters, Packet, Pipeline, Verdict};
use rand::{SeedableRng as _, rngs::StdRng};

use self::{
    batch::{Batch, CHUNK},
    peer::Peer,
    work::Work,
};
use crate::result::{Measurement, median};

/// Packets given to the pipeline at once, as the packet rings do.
const BATCH: usize = 64;
/// Batches in one round.
const BATCHES: usize = 6_000;
/// Rounds for each implementation, in turns. The median of all batches counts: a batch in which another program got the
/// processor says nothing.
const ROUNDS: usize = 7;
/// Number of entries, how it is called, and the mark: nanoseconds per packet.
const SIZES: [(usize, &str, f64); 2] = [(10_000, "10 k", 60.0), (1_000_000, "1 M", 150.0)];

const PEER: &str = "etherparse and std HashMap";

/// All measurements in memory.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let mut results = Vec::new();
    for (entries, size, mark) in SIZES {
        for work in Work::ALL {
            let (ours, peer) = measure(work, entries)?;
            let name = format!("memory: {}, {size} entries", work.name());
            for result in
                [Measurement::new(&name, ours, "ns", PEER, peer), Measurement::with_mark(&name, ours, "ns", mark)]
            {
                result.print();
                results.push(result);
            }
        }
    }
    Ok(results)
}

/// Nanoseconds per packet of the pipeline and of the peer.
fn measure(work: Work, entries: usize) -> anyhow::Result<(f64, f64)> {
    let mut rng = StdRng::seed_from_u64(1);
    let addresses = work.addresses(entries, &mut rng);
    let tables = network::tables(work, &addresses)?;
    let mut pipeline = Pipeline::new(DropCounters::default().into(), Default::default());
    let mut peer = Peer::new(work, &addresses);
    let mut ours = |packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>| {
        pipeline.process(&tables.enter(), 0, packets, verdicts);
    };
    let mut theirs = |packets: &mut [Packet<'_>], verdicts: &mut Vec<Verdict>| peer.process(packets, verdicts);

    let mut memory = vec![0; BATCH * CHUNK];
    let mut batch = Batch::new(work, &addresses, &mut memory, rng);
    ensure_same(work, &mut batch, &mut ours, &mut theirs)?;
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        round(&mut batch, &mut ours, &mut our_times);
        round(&mut batch, &mut theirs, &mut their_times);
    }
    Ok((median(our_times), median(their_times)))
}

type Process<'a> = &'a mut dyn FnMut(&mut [Packet<'_>], &mut Vec<Verdict>);

/// Both must make the same of the same frames, or the comparison means nothing.
fn ensure_same<'a>(work: Work, batch: &mut Batch<'_>, ours: Process<'a>, theirs: Process<'a>) -> anyhow::Result<()> {
    let mut results = Vec::new();
    for process in [ours, theirs] {
        let mut verdicts = Vec::new();
        batch.restart();
        batch.fill();
        process(&mut batch.packets, &mut verdicts);
        let frames: Vec<_> = batch.packets.iter().map(|p| p.frame().to_vec()).collect();
        results.push((verdicts, frames));
    }
    let [(our_verdicts, our_frames), (their_verdicts, their_frames)] = results.as_slice() else { return Ok(()) };
    ensure!(our_verdicts.iter().all(|v| matches!(v, Verdict::Send(_))), "{}: {our_verdicts:?}", work.name());
    ensure!(our_verdicts == their_verdicts, "{}: {our_verdicts:?}, the peer says {their_verdicts:?}", work.name());
    for (ours, theirs) in our_frames.iter().zip(their_frames) {
        ensure!(ours == theirs, "{}: frame {ours:02x?}, the peer makes it {theirs:02x?}", work.name());
    }
    Ok(())
}

/// Adds one batch's nanoseconds per packet after the other; making the frames is not counted.
fn round(batch: &mut Batch<'_>, process: Process<'_>, times: &mut Vec<f64>) {
    let mut verdicts = Vec::with_capacity(BATCH);
    for _ in 0..BATCHES {
        batch.fill();
        let start = Instant::now();
        process(&mut batch.packets, &mut verdicts);
        times.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
}
