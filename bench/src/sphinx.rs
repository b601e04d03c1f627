//! Sphinx packets: microseconds to unwrap and to build one, beside Nym's `sphinx-packet` and `nym-outfox`, on one thread.

mod ours;
mod outfox;
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
const OUTFOX: &str = "nym-outfox 1.21";

/// All measurements of packets.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let backend = mimiq_sphinx::backend();
    println!("Sphinx, {PAYLOAD} bytes of payload; X25519: {backend}");
    // The marks depend on what the CPU has.
    let lanes = backend == "avx512ifma";
    let mut results = Vec::new();
    for hops in [3, 5] {
        let (ours, peer) = (ours::Network::new(hops)?, peer::Network::new(hops)?);
        if hops == 3 {
            let outfox = outfox::Network::new()?;
            let [unwrap, theirs, outfoxes] = in_turns([&|| ours.unwrap(), &|| peer.unwrap(), &|| outfox.unwrap()])?;
            compare(&mut results, "sphinx: unwrap", unwrap, (PEER, theirs), Some(if lanes { 7.0 } else { 1.8 }));
            compare(&mut results, "sphinx: unwrap", unwrap, (OUTFOX, outfoxes), lanes.then_some(4.0));
        }
        let [alone, together, theirs] = in_turns([&|| ours.build(), &|| ours.build_batch(), &|| peer.build()])?;
        compare(&mut results, &format!("sphinx: build, {hops} hops, one at a time"), alone, (PEER, theirs), None);
        let mark = (hops == 3).then_some(8.0);
        compare(
            &mut results,
            &format!("sphinx: build, {hops} hops, {BATCH} at a time"),
            together,
            (PEER, theirs),
            mark,
        );
    }
    Ok(results)
}

fn compare(results: &mut Vec<Measurement>, name: &str, ours: f64, (peer, theirs): (&str, f64), mark: Option<f64>) {
    results.push(Measurement::new(name, ours, "us", peer, theirs));
    results.extend(mark.map(|times| Measurement::with_mark(name, ours, "us", theirs / times)));
    results[results.len() - 1 - usize::from(mark.is_some())..].iter().for_each(Measurement::print);
}

/// Microseconds for each packet of all: each call does a block and says how long that took.
fn in_turns<const N: usize>(contenders: [&dyn Fn() -> anyhow::Result<f64>; N]) -> anyhow::Result<[f64; N]> {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (block, times) in contenders.iter().zip(&mut times) {
            for _ in 0..BLOCKS {
                times.push(block()?);
            }
        }
    }
    Ok(times.map(median))
}

/// Microseconds since then for each of a block's packets.
fn each(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6 / BATCH as f64
}
