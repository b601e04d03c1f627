//! All tests: one of each node and link that loops go through, and one of all loops.
//!
//! A loop of m elements is an outcome of m + 1 tests. With h = ln(A (m + 1)) each loop begins at most 1/A false alarms in the mean (see
//! [`crate::cusum`]), so n loops raise n/A at most, however many elements the network has. If loops differ, m is that of the longest so far.

use std::collections::HashMap;

use crate::Config;
use crate::blame::Element;
use crate::cusum::Cusum;

/// Nats for which an alarm ends: a factor of 1,000 in likelihood.
const RECOVERY: f64 = 6.9;
/// An element that no loop has used for so many loops has gone, with its alarm.
const FORGOTTEN: u64 = 1 << 16;

/// Of one element, or of all loops.
#[derive(Clone, Debug)]
struct Test {
    attack: Cusum,
    recovery: Cusum,
    alarmed: bool,
    /// The number of the loop at which the sum was zero for the last time, or of the first.
    since: u64,
    /// The number of the last loop.
    last: u64,
}

impl Test {
    fn new(config: &Config, number: u64) -> Self {
        let (honest, attack) = (config.honest_loss, config.attack());
        Self {
            attack: Cusum::rising(honest, attack),
            recovery: Cusum::falling(honest, attack),
            alarmed: false,
            since: number,
            last: number,
        }
    }

    /// Whether an alarm begins or ends.
    fn observe(&mut self, failed: bool, number: u64, bound: f64) -> bool {
        self.last = number;
        let before = self.alarmed;
        if before {
            self.recovery.observe(failed);
            if self.recovery.sum() >= RECOVERY {
                self.alarmed = false;
                self.attack.reset();
            }
        } else {
            if self.attack.sum() == 0.0 {
                // What happened before says nothing about a change.
                self.since = number;
            }
            self.attack.observe(failed);
            if self.attack.sum() >= bound {
                self.alarmed = true;
                self.recovery.reset();
            }
        }
        self.alarmed != before
    }
}

/// The tests of who sends loops.
pub(crate) struct Watch {
    config: Config,
    elements: HashMap<Element, Test>,
    all: Test,
    /// How many of these are alarmed.
    alarmed: usize,
    /// Outcomes.
    loops: u64,
    /// The most tests that a loop was an outcome of.
    most: usize,
}

impl Watch {
    pub(crate) fn new(config: Config) -> Self {
        Self { all: Test::new(&config, 0), config, elements: HashMap::new(), alarmed: 0, loops: 0, most: 1 }
    }

    pub(crate) fn observe(&mut self, elements: &[Element], failed: bool) {
        self.most = self.most.max(elements.len() + 1);
        let (bound, number) = (self.bound(), self.loops);
        let mut changes = self.all.observe(failed, number, bound);
        for element in elements {
            let test = self.elements.entry(*element).or_insert_with(|| Test::new(&self.config, number));
            changes |= test.observe(failed, number, bound);
        }
        self.loops += 1;
        if self.loops.is_multiple_of(FORGOTTEN) {
            self.elements.retain(|_, test| number - test.last < FORGOTTEN);
            changes = true;
        }
        if changes {
            self.alarmed = self.tests().filter(|test| test.alarmed).count();
        }
    }

    pub(crate) fn is_alarmed(&self) -> bool {
        self.alarmed > 0
    }

    /// The elements whose own loops raise an alarm, in their order.
    pub(crate) fn alarmed(&self) -> Vec<Element> {
        let alarmed = self.elements.iter().filter(|(_, test)| test.alarmed);
        let mut alarmed: Vec<Element> = alarmed.map(|(element, _)| *element).collect();
        alarmed.sort_unstable();
        alarmed
    }

    /// The number of the loop with which what raised the alarms began.
    pub(crate) fn since(&self) -> u64 {
        let alarmed = self.tests().filter(|test| test.alarmed).map(|test| test.since);
        alarmed.min().unwrap_or(self.loops)
    }

    /// Whether there were enough outcomes for an alarm, had all of them been failures.
    pub(crate) fn can_tell(&self) -> bool {
        let (honest, attack) = (self.config.honest_loss, self.config.attack());
        self.loops as f64 * (attack / honest).ln() >= self.bound()
    }

    /// How near to an alarm, from 0 to 1. As far as the largest of so many sums gets by chance, it does not count.
    pub(crate) fn suspicion(&self) -> f64 {
        if self.is_alarmed() {
            return 1.0;
        }
        let largest = self.tests().map(|test| test.attack.sum()).fold(0.0, f64::max);
        let noise = (1.0 + self.elements.len() as f64).ln();
        let room = self.bound() - noise;
        if room > 0.0 { ((largest - noise) / room).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn tests(&self) -> impl Iterator<Item = &Test> {
        self.elements.values().chain([&self.all])
    }

    fn bound(&self) -> f64 {
        (self.config.between_false_alarms * self.most as f64).ln()
    }
}
