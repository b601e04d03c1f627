//! What people want to know of a stock.

use std::time::Instant;

use super::{Marks, State, Stock};

impl Stock {
    /// How many ended, and stay for packets in flight.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.state, State::Ended(_))).count()
    }

    /// When the first lease that an application holds ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Instant> {
        let held = self.entries.values().filter(|entry| matches!(entry.state, State::Held(_)));
        held.map(|entry| entry.notice).min()
    }

    /// How many free addresses are kept.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks
    }
}
