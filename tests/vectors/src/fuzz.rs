//! Differential fuzzing: two implementations get the same tables and frames, and must do the same.

mod aim;
mod compare;
mod edit;
mod packet;
mod report;
mod shrink;
mod state;
mod summary;
mod universe;

use std::path::PathBuf;

use anyhow::Result;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use self::{compare::Pair, universe::Universe};
pub use self::{report::Difference, summary::Summary};
use crate::{
    entry::State,
    subject::{BATCH, PortFrame, Subject},
};

/// Batches that one state of the tables gets.
const BATCHES: usize = 20;
/// Differing frames that are looked at closely; one error usually shows in many.
const EXAMINED: usize = 5;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All that is made follows from it.
    pub seed: u64,
    /// At least so many frames.
    pub frames: u64,
    /// Where vector files of differences are written.
    pub out: PathBuf,
}

/// Runs until all frames have been compared, or a batch differs. The first implementation is the reference: its behaviour
/// stands in the vectors. `progress` is called after each state of the tables.
///
/// # Errors
/// If an implementation is gone, or a vector file cannot be written. Differences are in the summary.
pub fn run(
    plan: &Plan,
    reference: &mut dyn Subject,
    other: &mut dyn Subject,
    progress: &mut dyn FnMut(&Summary),
) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut pair = Pair { reference, other };
    while summary.frames < plan.frames && summary.differences.is_empty() {
        // Each state has a stream of its own, so that it can be made again without those before it.
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        rng.set_stream(summary.states);
        let universe = Universe::new(&mut rng);
        let state = state::make(&mut rng, &universe);
        pair.set(&state)?;
        let mut before = pair.totals()?;
        for _ in 0..BATCHES {
            let frames = batch(&mut rng, &universe, &state, &pair, &mut summary);
            let (differences, totals) = pair.compare(&frames, &before)?;
            summary.add(&frames, &before, &totals);
            before = totals;
            if !differences.is_empty() {
                let names = pair.names();
                summary.differences = shrink::examine(&mut pair, &state, &frames, differences)?;
                for (n, difference) in summary.differences.iter_mut().enumerate() {
                    difference.write(plan, summary.states, n, &names)?;
                }
                break;
            }
        }
        summary.states += 1;
        progress(&summary);
    }
    Ok(summary)
}

fn batch(
    rng: &mut ChaCha8Rng,
    universe: &Universe,
    state: &State,
    pair: &Pair<'_>,
    summary: &mut Summary,
) -> Vec<PortFrame> {
    let mut frames = Vec::with_capacity(BATCH);
    while frames.len() < BATCH {
        let (port, mut frame) = aim::frame(rng, universe, state);
        edit::some(rng, universe, &mut frame);
        if pair.can_carry(&frame) {
            frames.push((port, frame));
        } else {
            summary.not_carried += 1;
        }
    }
    frames
}
