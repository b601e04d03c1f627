//! What an observer knows of the messages inside one Poisson mix (paper §4.3).

use rand::Rng;

/// The probabilities that a message is one of challenger S₀'s and one of S₁'s; the rest is "unlabelled".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Label {
    /// Probability of label S₀, in 0..=1.
    pub s0: f64,
    /// Probability of label S₁, in 0..=1.
    pub s1: f64,
}

impl Label {
    /// The likelihood difference ε = |ln(p₀/p₁)| (equation 3), in nats. `None` where a label is impossible: ε would be infinite
    /// or undefined.
    pub fn likelihood_difference(self) -> Option<f64> {
        (self.s0 > 0.0 && self.s1 > 0.0).then(|| (self.s0 / self.s1).ln().abs())
    }
}

/// A mix's pool.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    /// After each departure every message inside is equally likely to be any of those that arrived (Theorem 1), so the
    /// sums of their probabilities are the whole state.
    Honest { messages: u64, sum: Label },
    /// The observer sees which message leaves.
    Corrupt(Vec<Label>),
}

impl Pool {
    /// A pool of unlabelled messages.
    pub(crate) fn unlabelled(messages: u64, corrupt: bool) -> Self {
        if corrupt {
            Self::Corrupt((0..messages).map(|_| Label::default()).collect())
        } else {
            Self::Honest { messages, sum: Label::default() }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Honest { messages, .. } => *messages,
            Self::Corrupt(labels) => labels.len() as u64,
        }
    }

    pub(crate) fn arrive(&mut self, label: Label) {
        match self {
            Self::Honest { messages, sum } => {
                *messages += 1;
                sum.s0 += label.s0;
                sum.s1 += label.s1;
            }
            Self::Corrupt(labels) => labels.push(label),
        }
    }

    /// The label of the message that leaves next, `None` from an empty pool. Delays are exponential, so each message inside is
    /// equally likely to be the next.
    pub(crate) fn depart(&mut self, rng: &mut impl Rng) -> Option<Label> {
        match self {
            Self::Honest { messages: 0, .. } => None,
            Self::Honest { messages, sum } => {
                let inside = *messages as f64;
                let label = Label { s0: sum.s0 / inside, s1: sum.s1 / inside };
                *messages -= 1;
                *sum = Label { s0: label.s0 * (inside - 1.0), s1: label.s1 * (inside - 1.0) };
                Some(label)
            }
            Self::Corrupt(labels) if labels.is_empty() => None,
            Self::Corrupt(labels) => {
                let index = rng.random_range(0..labels.len());
                Some(labels.swap_remove(index))
            }
        }
    }

    /// The sums of the labels' probabilities over the messages inside: their ratio is that of a message drawn from the pool.
    pub(crate) fn sum(&self) -> Label {
        match self {
            Self::Honest { sum, .. } => *sum,
            Self::Corrupt(labels) => labels
                .iter()
                .fold(Label::default(), |sum, label| Label { s0: sum.s0 + label.s0, s1: sum.s1 + label.s1 }),
        }
    }
}
