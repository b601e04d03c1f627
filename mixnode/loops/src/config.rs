//! When an attack is seen in what does not come back.

use std::ops::RangeInclusive;
use std::time::Duration;

/// When an attack is seen in what does not come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The share of loops that an honest network may lose, late ones included: 0.0001 to 0.9.
    pub honest_loss: f64,
    /// r: the share of loops whose return is enough (Loopix §4.2.1), more than 0 and less than 1 − `honest_loss`. An attack that
    /// lets more than that through, of all loops through what it is done at, is found late or not at all.
    pub threshold: f64,
    /// How many loops there are for each false alarm, at least, while no more than `honest_loss` get lost, independently: 2 to 10^15.
    pub between_false_alarms: f64,
    /// How much later than its chosen delays a loop may come back: for processing and the network.
    pub slack: Duration,
    /// By how much cover traffic is multiplied under attack: 1 to 1000.
    pub most_cover: f64,
}

/// A value that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {value} is not between {least} and {most}")]
pub struct ConfigError {
    /// Of [`Config`].
    pub field: &'static str,
    /// Its value.
    pub value: f64,
    /// The smallest possible.
    pub least: f64,
    /// The largest possible.
    pub most: f64,
}

impl Default for Config {
    /// 5 % honest loss, r = 0.7, a false alarm in 31.5 million loops (a year, with one a second), half a second, four times the cover traffic.
    fn default() -> Self {
        Self {
            honest_loss: 0.05,
            threshold: 0.7,
            between_false_alarms: 31.5e6,
            slack: Duration::from_millis(500),
            most_cover: 4.0,
        }
    }
}

impl Config {
    /// Whether all values are in their ranges.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = |field, value: f64, range: RangeInclusive<f64>| {
            // NaN is in no range.
            let (least, most) = range.into_inner();
            if (least..=most).contains(&value) { Ok(()) } else { Err(ConfigError { field, value, least, most }) }
        };
        within("honest_loss", self.honest_loss, 1e-4..=0.9)?;
        // The two explanations must differ.
        within("threshold", self.threshold, 1e-4..=1.0 - self.honest_loss - 1e-4)?;
        within("between_false_alarms", self.between_false_alarms, 2.0..=1e15)?;
        within("most_cover", self.most_cover, 1.0..=1000.0)
    }

    /// The share of failed loops that is an attack.
    pub(crate) fn attack(&self) -> f64 {
        1.0 - self.threshold
    }
}
