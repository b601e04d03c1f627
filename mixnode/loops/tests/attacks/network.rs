//! A network of three layers of two mixes and four providers, in which loops of one mix travel.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use mimiq_loops::{Config, Element, Ledger};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

type Id = [u8; 16];

/// Mixes 1 to 6, two in each layer; providers 11 to 14.
pub(crate) fn node(number: u8) -> Id {
    [number; 16]
}

/// What is done to packets that pass an element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) at: Element,
    pub(crate) share: f64,
    /// Seconds; none: they are dropped.
    pub(crate) delay: Option<f64>,
}

/// What happened to the loops of mix 1.
pub(crate) struct Watch {
    pub(crate) ledger: Ledger,
    /// Loops sent after the attack began until the alarm, and seconds.
    pub(crate) alarm: Option<(u64, f64)>,
    pub(crate) alarms: u32,
}

/// Loops per second, and how long a hop delays in the mean, seconds.
const LAMBDA: f64 = 1.0;
const MEAN: f64 = 0.5;

/// Sends `loops` loops of mix 1, of which an honest network loses a share and delays all by up to 50 ms, with an attack from loop `from` on;
/// until the alarm, if `stop`.
pub(crate) fn watch(seed: u64, loops: u64, loss: f64, attack: Option<Attack>, from: u64, stop: bool) -> Watch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let exponential = |rng: &mut ChaCha8Rng| -(1.0 - rng.random::<f64>()).ln();
    let mut watch = Watch { ledger: Ledger::new(Config::default()).unwrap(), alarm: None, alarms: 0 };
    let mut back: BinaryHeap<Reverse<(Duration, Id)>> = BinaryHeap::new();
    let (mut now, mut begun, mut before) = (0.0, 0.0, false);
    for number in 0..loops {
        now += exponential(&mut rng) / LAMBDA;
        if number == from {
            begun = now;
        }
        let at = Duration::from_secs_f64(now);
        while back.peek().is_some_and(|Reverse((when, _))| *when <= at) {
            let Some(Reverse((when, id))) = back.pop() else { break };
            watch.ledger.returned(id, when);
        }
        watch.ledger.advance(at);
        let alarm = watch.ledger.is_alarmed();
        if alarm && !before {
            watch.alarms += 1;
            watch.alarm.get_or_insert((number.saturating_sub(from), now - begun));
            if stop {
                break;
            }
        }
        before = alarm;

        let path =
            [1, 3 + rng.random_range(0..2), 5 + rng.random_range(0..2), 11 + rng.random_range(0..4), 1].map(node);
        let chosen: f64 = (0..3).map(|_| MEAN * exponential(&mut rng)).sum();
        let mut id = Id::default();
        id[..8].copy_from_slice(&number.to_le_bytes());
        watch.ledger.sent(id, &path, at, Duration::from_secs_f64(chosen));
        let mut arrives = now + chosen + 0.05 * rng.random::<f64>();
        let mut lost = rng.random_bool(loss);
        if let Some(Attack { at, share, delay }) = attack.filter(|_| number >= from) {
            let hit = match at {
                Element::Node(node) => path.contains(&node),
                Element::Link(a, b) => path.windows(2).any(|pair| pair == [a, b]),
            };
            if hit && rng.random_bool(share) {
                arrives += delay.unwrap_or_default();
                lost |= delay.is_none();
            }
        }
        if !lost {
            back.push(Reverse((Duration::from_secs_f64(arrives), id)));
        }
    }
    watch
}
