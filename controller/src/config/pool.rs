use std::net::Ipv6Addr;

use ipnetwork::IpNetwork;
use mimiq_addressing as addressing;
use serde::Deserialize;

use super::values;

/// A pool of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name in commands and metrics.
    pub name: String,
    /// All its addresses.
    #[serde(deserialize_with = "values::parsed")]
    pub prefix: IpNetwork,
    /// How an address says which switch its client is at.
    pub codec: Codec,
    /// Bits of the SID alias behind the prefix; alias pools only.
    #[serde(default)]
    pub alias_bits: Option<u8>,
    /// How many addresses at a time it must be able to give: x in the paper's condition x·y ≤ 2^l. Only checked.
    #[serde(default)]
    pub addresses: Option<u64>,
}

/// How an address says which switch its client is at (MIMIQ §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// By its SID alias: prefix ‖ alias ‖ random bits; edge switches have an entry for each alias.
    Alias,
    /// Not at all: edge switches have an entry for each address.
    Naive,
}

impl Pool {
    /// The layout of its addresses.
    ///
    /// # Errors
    /// If there is no such layout; the message names field and value.
    pub fn layout(&self) -> Result<addressing::Codec, String> {
        match (self.codec, self.prefix, self.alias_bits) {
            (Codec::Alias, IpNetwork::V6(prefix), Some(bits)) => {
                let codec = addressing::AliasCodec::new(prefix, bits).map_err(|error| error.to_string())?;
                Ok(addressing::Codec::Alias(codec))
            }
            (Codec::Alias, IpNetwork::V6(_), None) => Err("codec = alias: needs alias_bits".into()),
            (Codec::Alias, IpNetwork::V4(_), _) => {
                Err("codec = alias: only IPv6 addresses have room for an alias; use naive".into())
            }
            (Codec::Naive, _, Some(bits)) => Err(format!("alias_bits = {bits}: the naive codec has no aliases")),
            (Codec::Naive, prefix, None) => {
                let codec = addressing::NaiveCodec::new(prefix).map_err(|error| error.to_string())?;
                Ok(addressing::Codec::Naive(codec))
            }
        }
    }

    /// Ones over prefix and alias, for an alias pool.
    pub fn alias_mask(&self) -> Option<Ipv6Addr> {
        match self.layout() {
            Ok(addressing::Codec::Alias(codec)) => Some(codec.mask()),
            Ok(addressing::Codec::Naive(_)) | Err(_) => None,
        }
    }
}
