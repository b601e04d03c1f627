mod alias;
mod naive;

pub use alias::{AliasCodec, CodecError};
use ipnetwork::IpNetwork;
pub use naive::{NaiveCodec, NaiveCodecError};

use std::{fmt, net::IpAddr};

use crate::Alias;

/// A pool: its index in the list that [`Pools::new`](crate::Pools::new) was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u16);

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv6.
    V6,
    /// IPv4.
    V4,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V6 => "ipv6",
            Self::V4 => "ipv4",
        })
    }
}

/// The layout of a pool's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// The SID alias is in the address: the edges need a rule an alias.
    Alias(AliasCodec),
    /// No structure: the edges need a rule an address.
    Naive(NaiveCodec),
}

impl Codec {
    /// The pool's prefix.
    pub fn prefix(&self) -> IpNetwork {
        match self {
            Self::Alias(codec) => IpNetwork::V6(codec.prefix()),
            Self::Naive(codec) => codec.prefix(),
        }
    }

    /// The addresses' family.
    pub fn family(&self) -> Family {
        match self.prefix() {
            IpNetwork::V6(_) => Family::V6,
            IpNetwork::V4(_) => Family::V4,
        }
    }

    /// How many addresses can be given out, whatever their alias.
    pub fn capacity(&self) -> u128 {
        match self {
            Self::Alias(codec) => u128::from(codec.alias_count()) << codec.random_bits(),
            Self::Naive(codec) => u128::from(codec.capacity()),
        }
    }

    /// How many addresses can be given out under one alias; all of them without aliases.
    pub(crate) fn block_size(&self) -> u128 {
        match self {
            Self::Alias(codec) => 1 << codec.random_bits(),
            Self::Naive(codec) => u128::from(codec.capacity()),
        }
    }

    /// The address with this alias, if there are aliases, and this number among those with it.
    pub(crate) fn encode(&self, alias: Alias, index: u64) -> IpAddr {
        match self {
            Self::Alias(codec) => IpAddr::V6(codec.encode(alias, index)),
            Self::Naive(codec) => codec.encode(index),
        }
    }

    /// The reverse of [`encode`](Self::encode); `None` if the address cannot be given out.
    pub(crate) fn decode(&self, address: IpAddr) -> Option<(Alias, u64)> {
        match (self, address) {
            (Self::Alias(codec), IpAddr::V6(address)) => codec.decode(address),
            (Self::Alias(_), IpAddr::V4(_)) => None,
            (Self::Naive(codec), _) => Some((Alias(0), codec.decode(address)?)),
        }
    }
}
