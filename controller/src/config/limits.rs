use mimiq_core::Rate;
use serde::Deserialize;

use super::values;

/// What clients may have and do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Addresses of one client at a time, those in their grace included.
    pub addresses_per_client: u32,
    /// How often one client may ask.
    #[serde(deserialize_with = "values::rate")]
    pub requests_per_client: Rate,
    /// How often clients at one port of a switch may ask or begin a connection.
    #[serde(deserialize_with = "values::rate")]
    pub requests_per_port: Rate,
    /// How many control datagrams one port of a switch may send.
    #[serde(deserialize_with = "values::rate")]
    pub datagrams_per_port: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            addresses_per_client: 256,
            requests_per_client: Rate { per_second: 100 },
            requests_per_port: Rate { per_second: 500 },
            datagrams_per_port: Rate { per_second: 20_000 },
        }
    }
}
