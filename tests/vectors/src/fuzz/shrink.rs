use anyhow::Result;

use super::{
    EXAMINED,
    compare::Pair,
    report::{Difference, Outcome},
};
use crate::{entry::State, subject::PortFrame};

/// Finds the frames of a batch that differ by themselves, and for each a small state in which it does. If there is none, the
/// whole batch with the whole state is the difference.
pub(super) fn examine(
    pair: &mut Pair<'_>,
    state: &State,
    frames: &[PortFrame],
    of_batch: Vec<String>,
) -> Result<Vec<Difference>> {
    let mut found: Vec<Difference> = Vec::new();
    for frame in frames {
        if found.len() == EXAMINED {
            break;
        }
        pair.set(state)?;
        if !differs(pair, frame)?.is_empty() {
            let state = smaller(pair, state, frame)?;
            pair.set(&state)?;
            let what = differs(pair, frame)?;
            let outcome = Outcome::observe(pair, frame)?;
            found.push(Difference { state, frames: vec![frame.clone()], what, outcome: Some(outcome) });
        }
    }
    if found.is_empty() {
        // Neither lasts: a frame that was lost, or one that changes what becomes of another.
        found.push(Difference { state: state.clone(), frames: frames.to_vec(), what: of_batch, outcome: None });
    }
    Ok(found)
}

fn differs(pair: &mut Pair<'_>, frame: &PortFrame) -> Result<Vec<String>> {
    let before = pair.totals()?;
    Ok(pair.compare(std::slice::from_ref(frame), &before)?.0)
}

/// Leaves out what is not needed: first halves, then quarters, at last single entries.
fn smaller(pair: &mut Pair<'_>, state: &State, frame: &PortFrame) -> Result<State> {
    let mut state = state.clone();
    let mut len = state.len().div_ceil(2);
    loop {
        let keys: Vec<_> = state.keys().copied().collect();
        for part in keys.chunks(len.max(1)) {
            let mut candidate = state.clone();
            candidate.retain(|key, _| !part.contains(key));
            pair.set(&candidate)?;
            if !differs(pair, frame)?.is_empty() {
                state = candidate;
            }
        }
        if len <= 1 {
            return Ok(state);
        }
        len = len.div_ceil(2);
    }
}
