//! Repetitions over all cores.

use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// The results of `repetitions` calls of `run`, in order. Each has a ChaCha stream of its own, numbered by `cell` and the
/// repetition, so results depend on the seed and not on the number of threads.
pub fn repeat<T: Send>(seed: u64, cell: u32, repetitions: u32, run: impl Fn(&mut ChaCha8Rng) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let worker = || {
        let mut results = Vec::new();
        loop {
            let repetition = next.fetch_add(1, Ordering::Relaxed);
            if repetition >= u64::from(repetitions) {
                return results;
            }
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(u64::from(cell) << 32 | repetition);
            results.push((repetition, run(&mut rng)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<(u64, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for handle in workers {
            match handle.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(repetition, _)| *repetition);
    results.into_iter().map(|(_, result)| result).collect()
}
