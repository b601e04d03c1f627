//! Sphinx packets: microseconds to unwrap and to build one, beside `sphinx-packet` (Nym's), on one thread.

mod ours;
mod peer;

use std::time::Instant;

use crate::result::{Measurement, median};

/// Bytes of payload.
const PAYLOAD: usize = 2048;
/// Packets unwrapped at once, and built in a block.
const BATCH: usize = 8;
/// Blocks in a round.
const BLOCKS: usize = 100;
/// Rounds for each implementation, in turns. The median of all blocks counts.
const ROUNDS: usize = 7;
const PEER: &str = "sphinx-packet 0.8";

/// All measurements of packets.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    println!("Sphinx, {PAYLOAD} bytes of payload; X25519: {}", mimiq_sphinx::backend());
    let mut results = Vec::new();
    for hops in [3, 5] {
        let (ours, peer) = (ours::Network::new(hops)?, peer::Network::new(hops)?);
        if hops == 3 {
            let (unwrap, theirs) = in_turns(|| ours.unwrap(), || peer.unwrap())?;
            // The mark depends on what the CPU has.
            let share = if mimiq_sphinx::backend() == "avx512ifma" { 7.0 } else { 1.8 };
            compare(&mut results, "sphinx: unwrap".to_owned(), unwrap, theirs, Some(share));
        }
        let (build, theirs) = in_turns(|| ours.build(), || peer.build())?;
        compare(&mut results, format!("sphinx: build, {hops} hops"), build, theirs, (hops == 3).then_some(8.0));
    }
    Ok(results)
}

fn compare(results: &mut Vec<Measurement>, name: String, ours: f64, peer: f64, mark: Option<f64>) {
    results.push(Measurement::new(&name, ours, "us", PEER, peer));
    results.extend(mark.map(|times| Measurement::with_mark(&name, ours, "us", peer / times)));
    results[results.len() - 1 - usize::from(mark.is_some())..].iter().for_each(Measurement::print);
}

/// Microseconds for each packet of both: each call does a block and says how long that took.
fn in_turns(
    mut ours: impl FnMut() -> anyhow::Result<f64>,
    mut theirs: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<(f64, f64)> {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..BLOCKS {
            our_times.push(ours()?);
        }
        for _ in 0..BLOCKS {
            their_times.push(theirs()?);
        }
    }
    Ok((median(our_times), median(their_times)))
}

/// Microseconds since then for each of a block's packets.
fn each(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6 / BATCH as f64
}
