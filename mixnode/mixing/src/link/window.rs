//! Which counters have been seen (RFC 6479: whole words are cleared, none is shifted).

const WORDS: usize = 32;
/// Counters behind the highest that are still told apart.
const WINDOW: u64 = (WORDS as u64 - 1) * 64;

/// The last 1,984 counters.
#[derive(Default)]
pub(super) struct Window {
    highest: u64,
    words: [u64; WORDS],
}

impl Window {
    /// Whether it has not been marked, as far as one can tell.
    pub(super) fn is_fresh(&self, counter: u64) -> bool {
        if counter > self.highest {
            return true;
        }
        self.highest - counter < WINDOW && self.words[word(counter)] & bit(counter) == 0
    }

    pub(super) fn mark(&mut self, counter: u64) {
        let (old, new) = (self.highest / 64, counter / 64);
        for cleared in old..new.min(old + WORDS as u64) {
            self.words[word((cleared + 1) * 64)] = 0;
        }
        self.highest = self.highest.max(counter);
        self.words[word(counter)] |= bit(counter);
    }
}

fn word(counter: u64) -> usize {
    (counter / 64 % WORDS as u64) as usize
}

fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set of all that were seen: nothing is fresh twice, and nothing new within the window is refused.
        #[test]
        fn it_is_a_set_with_an_edge(start in prop_oneof![Just(0), Just(u64::MAX - 20_000)], steps in proptest::collection::vec((0..3000u64, any::<bool>()), 1..200)) {
            let mut window = Window::default();
            let (mut seen, mut highest, mut at) = (HashSet::new(), 0u64, start);
            for (step, forward) in steps {
                at = if forward { at.saturating_add(step / 20) } else { at.saturating_sub(step) };
                let known = seen.contains(&at) || highest.saturating_sub(at) >= WINDOW;
                prop_assert_eq!(window.is_fresh(at), !known, "{} of {}", at, highest);
                if !known {
                    window.mark(at);
                    seen.insert(at);
                    highest = highest.max(at);
                    prop_assert!(!window.is_fresh(at));
                }
                at = highest;
            }
        }
    }
}
