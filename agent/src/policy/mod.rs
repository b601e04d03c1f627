//! When a connection hops: [`Policy`], what the configuration says about whose connections follow which ([`Rules`]), and the
//! [`Scheduler`], which decides. Pure.

mod rules;
mod scheduler;
mod span;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

pub use rules::{Opening, PROXY, Rule, Rules};
pub use scheduler::{Event, PATIENCE, Scheduler};
pub use span::Span;

/// More connections to one server than a browser would open.
const MOST_CONNECTIONS: u8 = 8;
/// More packets than any connection has between two hops on purpose.
const MOST_PACKETS: u64 = 1_000_000_000;

/// When a connection hops. Packets are datagrams in both directions, as an observer counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// Not at all, and all connections of a connector share one address while it lasts.
    Never,
    /// Not at all; each connection has an address of its own.
    PerConnection,
    /// Once in so many packets.
    EveryPackets(u64),
    /// After a random number of packets, drawn anew for each hop.
    RandomPackets {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// After a random time, drawn anew for each hop.
    RandomTime {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// After so many packets, and then never again.
    OnceAfterPackets(u64),
    /// Once the application has been silent in both directions.
    BetweenBursts {
        /// For this long.
        gap: Span,
    },
    /// After a random time, as [`Self::RandomTime`]; and a download is spread over several connections
    /// ([`Stripes`](crate::sdk::Stripes)), which do so one after the other.
    Stripes {
        /// How many.
        connections: u8,
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
}

/// A value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value}: {problem}")]
pub struct Problem {
    /// The field's path.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Policy {
    /// Reads it where YAML has a field for it. (serde_yaml alone would want a tag for the variant.)
    fn field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_yaml::with::singleton_map::deserialize(deserializer)
    }

    /// Checks its values; `field` is where it stands.
    fn check(&self, field: &str) -> Result<(), Problem> {
        let refuse = |name: &str, value: &dyn ToString, problem: String| {
            let field = format!("{field}.{name}");
            Err(Problem { field, value: value.to_string(), problem })
        };
        let packets = |name: &str, value: u64| match value {
            0 => refuse(name, &value, "at least 1".into()),
            1..=MOST_PACKETS => Ok(()),
            _ => refuse(name, &value, format!("at most {MOST_PACKETS}")),
        };
        match *self {
            Self::Never | Self::PerConnection => Ok(()),
            Self::EveryPackets(n) => packets("every_packets", n),
            Self::OnceAfterPackets(n) => packets("once_after_packets", n),
            Self::RandomPackets { min, max } => {
                packets("random_packets.min", min)?;
                packets("random_packets.max", max)?;
                if max < min {
                    return refuse("random_packets.max", &max, format!("less than min, {min}"));
                }
                Ok(())
            }
            Self::RandomTime { min, max } if max < min => {
                refuse("random_time.max", &max, format!("less than min, {min}"))
            }
            Self::Stripes { connections, .. } if !(1..=MOST_CONNECTIONS).contains(&connections) => {
                refuse("stripes.connections", &connections, format!("from 1 to {MOST_CONNECTIONS}"))
            }
            Self::Stripes { min, max, .. } if max < min => refuse("stripes.max", &max, format!("less than min, {min}")),
            Self::RandomTime { .. } | Self::BetweenBursts { .. } | Self::Stripes { .. } => Ok(()),
        }
    }
}

/// As in the configuration, such as `never` or `random_packets: {min: 25, max: 100}`.
impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |error: &dyn ToString| format!("policy: {text}: {}", error.to_string());
        let policy = Self::field(serde_yaml::Deserializer::from_str(text)).map_err(|error| named(&error))?;
        policy.check("policy").map_err(|problem| problem.to_string())?;
        Ok(policy)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::PerConnection => f.write_str("per_connection"),
            Self::EveryPackets(n) => write!(f, "every_packets: {n}"),
            Self::RandomPackets { min, max } => write!(f, "random_packets: {{min: {min}, max: {max}}}"),
            Self::RandomTime { min, max } => write!(f, "random_time: {{min: {min}, max: {max}}}"),
            Self::OnceAfterPackets(n) => write!(f, "once_after_packets: {n}"),
            Self::BetweenBursts { gap } => write!(f, "between_bursts: {{gap: {gap}}}"),
            Self::Stripes { connections, min, max } => {
                write!(f, "stripes: {{connections: {connections}, min: {min}, max: {max}}}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_policy() -> impl Strategy<Value = Policy> {
        let span = || (1..86_400_000u64).prop_map(|ms| Span::from_ms(ms).unwrap());
        prop_oneof![
            Just(Policy::Never),
            Just(Policy::PerConnection),
            (1..=MOST_PACKETS).prop_map(Policy::EveryPackets),
            (1..1000u64, 0..1000u64).prop_map(|(min, more)| Policy::RandomPackets { min, max: min + more }),
            (span(), span()).prop_map(|(a, b)| Policy::RandomTime { min: a.min(b), max: a.max(b) }),
            (1..=MOST_PACKETS).prop_map(Policy::OnceAfterPackets),
            span().prop_map(|gap| Policy::BetweenBursts { gap }),
            (1..=MOST_CONNECTIONS, span(), span()).prop_map(|(n, a, b)| Policy::Stripes {
                connections: n,
                min: a.min(b),
                max: a.max(b)
            }),
        ]
    }

    proptest! {
        #[test]
        fn its_text_is_what_the_configuration_says(policy in any_policy()) {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Policy>();
        }
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (text, expected) in [
            ("sometimes", "unknown variant `sometimes`"),
            ("every_packets", "every_packets"),
            ("every_packets: 0", "policy.every_packets: 0: at least 1"),
            ("every_packets: -3", "-3"),
            ("every_packets: 2000000000", "policy.every_packets: 2000000000: at most"),
            ("once_after_packets: 0", "policy.once_after_packets: 0"),
            ("random_packets: {min: 0, max: 3}", "policy.random_packets.min: 0"),
            ("random_packets: {min: 9, max: 3}", "policy.random_packets.max: 3: less than min, 9"),
            ("random_packets: {min: 9}", "missing field `max`"),
            ("random_packets: {min: 1, max: 3, mean: 2}", "unknown field `mean`"),
            ("random_time: {min: 1s, max: 10ms}", "policy.random_time.max: 10ms: less than min, 1s"),
            ("random_time: {min: 0ms, max: 1s}", "0ms"),
            ("random_time: {min: 1 fortnight, max: 1s}", "1 fortnight"),
            ("between_bursts: {gap: 2000h}", "2000h"),
            ("stripes: {connections: 0, min: 1s, max: 1s}", "policy.stripes.connections: 0: from 1 to 8"),
            ("stripes: {connections: 9, min: 1s, max: 1s}", "policy.stripes.connections: 9"),
            ("stripes: {connections: 4, min: 1s, max: 10ms}", "policy.stripes.max: 10ms: less than min, 1s"),
            ("between_bursts: {}", "missing field `gap`"),
        ] {
            let error = text.parse::<Policy>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
