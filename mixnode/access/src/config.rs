//! What an operator decides. Each message names the field and the value.

use mimiq_directory::Hex32;
use serde::Deserialize;

use crate::AccountId;

/// A provider's clients: the `access` section of a node's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// Who may have an account.
    pub registration: Registration,
    /// SHA-256 of the tokens that admit one account each.
    #[serde(default)]
    pub tokens: Vec<Hex32>,
    /// Accounts that are not served.
    #[serde(default)]
    pub blocked: Vec<AccountId>,
    /// What clients may have and do.
    #[serde(default)]
    pub limits: Limits,
    /// What is kept for them.
    #[serde(default)]
    pub inbox: InboxLimits,
}

/// Who may have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Who has a token.
    Tokens,
}

/// What clients may have and do.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of all clients, and of those that have not said who they are.
    pub connections: usize,
    /// Packets of one client, per second.
    pub packets_per_second: f64,
    /// Packets of one client at once.
    pub packet_burst: u32,
    /// Pulls of one client at once. In the long run it may pull as often as the network's state says.
    pub pull_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // Room for a network whose clients send some ten packets a second.
        Self { connections: 10_000, packets_per_second: 50.0, packet_burst: 100, pull_burst: 20 }
    }
}

/// What is kept for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InboxLimits {
    /// Messages of one client.
    pub messages: u64,
    /// How long each is kept, seconds.
    pub age_s: u64,
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self { messages: 1_000, age_s: 14 * 86_400 }
    }
}

/// A value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} is not {wanted}")]
pub struct ConfigError {
    /// The field's path.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What may be there.
    pub wanted: &'static str,
}

/// Refuses a value unless it `holds`.
pub(crate) fn ensure(
    holds: bool,
    field: &'static str,
    value: impl ToString,
    wanted: &'static str,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { field, value: value.to_string(), wanted }) }
}

impl AccessConfig {
    /// Whether all values make sense.
    ///
    /// # Errors
    /// If one does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let Self { registration, tokens, limits, inbox, .. } = self;
        let unused = *registration == Registration::Open && !tokens.is_empty();
        ensure(!unused, "access.tokens", tokens.len(), "0, as they would have no use with registration: open")?;
        let counts = 1..=1_000_000;
        for (field, value) in [
            ("access.limits.connections", limits.connections as u64),
            ("access.limits.packet_burst", limits.packet_burst.into()),
            ("access.limits.pull_burst", limits.pull_burst.into()),
            ("access.inbox.messages", inbox.messages),
        ] {
            ensure(counts.contains(&value), field, value, "1 to 1000000")?;
        }
        let rate = limits.packets_per_second;
        ensure((0.001..=1e6).contains(&rate), "access.limits.packets_per_second", rate, "0.001 to 1000000")?;
        let year = 366 * 86_400;
        ensure((1..=year).contains(&inbox.age_s), "access.inbox.age_s", inbox.age_s, "1 to 31622400")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../access.example.yaml");

    #[derive(Debug, Deserialize)]
    struct Node {
        access: AccessConfig,
    }

    fn read(text: &str) -> Result<AccessConfig, String> {
        let node: Node = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        node.access.check().map_err(|error| error.to_string())?;
        Ok(node.access)
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config = read(EXAMPLE).unwrap();
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.inbox, InboxLimits::default());
        assert_eq!((config.registration, config.tokens.len(), config.blocked.len()), (Registration::Tokens, 1, 1));
    }

    #[test]
    fn refusals_name_field_and_value() {
        for (from, to, expected) in [
            ("connections: 10000", "connections: 0", "access.limits.connections: 0 is not"),
            ("connections: 10000", "conections: 1", "conections"),
            ("packets_per_second: 50", "packets_per_second: .nan", "access.limits.packets_per_second: NaN"),
            ("packet_burst: 100", "packet_burst: -1", "packet_burst"),
            ("pull_burst: 20", "pull_burst: 0", "access.limits.pull_burst: 0"),
            ("messages: 1000", "messages: 1000001", "access.inbox.messages: 1000001"),
            ("age_s: 1209600", "age_s: 0", "access.inbox.age_s: 0"),
            ("registration: tokens", "registration: open", "access.tokens: 1 is not 0"),
            ("registration: tokens", "registration: closed", "closed"),
            ("  - a964", "  - a96", "not 64 lower-case hexadecimal digits"),
            ("  - 0123", "  - X123", "X123456789abcdef0123456789abcdef\" is not 32"),
        ] {
            assert!(EXAMPLE.contains(from), "{from}");
            let error = read(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }
}
