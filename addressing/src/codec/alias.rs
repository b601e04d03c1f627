use std::net::Ipv6Addr;

use ipnetwork::Ipv6Network;

use crate::Alias;

/// The layout of an alias pool's addresses: prefix ‖ SID alias ‖ random bits (MIMIQ §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliasCodec {
    prefix: Ipv6Network,
    alias_bits: u8,
}

/// Why a pool's layout was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The prefix is shorter or longer than supported.
    #[error("prefix = {0}: its length must be within /32 and /96")]
    PrefixLength(Ipv6Network),
    /// The prefix has bits set behind its length.
    #[error("prefix = {0}: has host bits set; the prefix is {network}", network = .0.network())]
    HostBits(Ipv6Network),
    /// No room for aliases, or more than the 32 bits of [`Alias`].
    #[error("alias_bits = {0}: must be within 1 and 32")]
    AliasBits(u8),
    /// More random bits than the allocator counts.
    #[error(
        "prefix = {prefix} and alias_bits = {alias_bits} leave {random_bits} random bits: at most 64 are supported; \
             lengthen the prefix or the alias"
    )]
    RandomBits {
        /// The pool's prefix.
        prefix: Ipv6Network,
        /// Bits of the alias.
        alias_bits: u8,
        /// What is left.
        random_bits: u8,
    },
    /// The paper's condition on clients x, client-facing switches y and non-prefix bits l does not hold: x·y ≤ 2^l.
    #[error("{clients} clients × {switches} client-facing switches exceed the 2^{bits} addresses of {prefix}")]
    Capacity {
        /// x: clients' addresses at a time.
        clients: u64,
        /// y: client-facing switches.
        switches: u64,
        /// l: non-prefix bits.
        bits: u8,
        /// The pool's prefix.
        prefix: Ipv6Network,
    },
    /// One client-facing switch could get all clients, but one alias has fewer addresses.
    #[error(
        "{clients} clients behind one client-facing switch exceed the {aliases} × 2^{random_bits} addresses of its aliases"
    )]
    AliasCapacity {
        /// Clients' addresses at a time.
        clients: u64,
        /// Aliases of a switch at a time.
        aliases: u32,
        /// Random bits behind the alias.
        random_bits: u8,
    },
}

impl AliasCodec {
    /// The layout with `alias_bits` bits of alias behind `prefix`.
    ///
    /// # Errors
    /// If the prefix is not within /32 and /96, has host bits, or if the alias does not fit: 1 to 32 bits, and at most
    /// 64 random bits behind it.
    pub fn new(prefix: Ipv6Network, alias_bits: u8) -> Result<Self, CodecError> {
        if !(32..=96).contains(&prefix.prefix()) {
            return Err(CodecError::PrefixLength(prefix));
        }
        if prefix.ip() != prefix.network() {
            return Err(CodecError::HostBits(prefix));
        }
        // Behind the longest prefix, /96, are 32 bits: an alias of 32 bits always fits.
        if !(1..=32).contains(&alias_bits) {
            return Err(CodecError::AliasBits(alias_bits));
        }
        let codec = Self { prefix, alias_bits };
        let random_bits = codec.random_bits();
        if random_bits > 64 {
            return Err(CodecError::RandomBits { prefix, alias_bits, random_bits });
        }
        Ok(codec)
    }

    /// Checks that the pool is large enough for `clients` addresses at a time, spread in any way over `switches`
    /// client-facing switches with `aliases_per_sid` aliases each: x·y ≤ 2^l (MIMIQ §3.3).
    ///
    /// # Errors
    /// If it is not.
    pub fn check_capacity(&self, clients: u64, switches: u64, aliases_per_sid: u32) -> Result<(), CodecError> {
        let bits = 128 - self.prefix.prefix();
        if u128::from(clients) * u128::from(switches) > 1 << bits {
            return Err(CodecError::Capacity { clients, switches, bits, prefix: self.prefix });
        }
        if u128::from(clients) > u128::from(aliases_per_sid) << self.random_bits() {
            let random_bits = self.random_bits();
            return Err(CodecError::AliasCapacity { clients, aliases: aliases_per_sid, random_bits });
        }
        Ok(())
    }

    /// The pool's prefix.
    pub fn prefix(&self) -> Ipv6Network {
        self.prefix
    }

    /// Number of possible aliases.
    pub fn alias_count(&self) -> u64 {
        1 << self.alias_bits
    }

    /// Bits behind the alias, 0 to 64.
    pub fn random_bits(&self) -> u8 {
        128 - self.prefix.prefix() - self.alias_bits
    }

    /// The address with this alias and these random bits; bits that do not fit are cut off.
    pub fn encode(&self, alias: Alias, random: u64) -> Ipv6Addr {
        let alias = u128::from(alias.0) & (u128::from(self.alias_count()) - 1);
        let random = u128::from(random) & ((1 << self.random_bits()) - 1);
        Ipv6Addr::from_bits(self.prefix.ip().to_bits() | alias << self.random_bits() | random)
    }

    /// The alias and the random bits of an address; `None` if it is not in the pool.
    pub fn decode(&self, address: Ipv6Addr) -> Option<(Alias, u64)> {
        if !self.prefix.contains(address) {
            return None;
        }
        let bits = address.to_bits();
        // Neither cast loses bits: the alias has at most 32, the random part at most 64.
        let alias = (bits >> self.random_bits()) as u32 & (self.alias_count() - 1) as u32;
        let random = (bits & ((1 << self.random_bits()) - 1)) as u64;
        Some((Alias(alias), random))
    }

    /// Ones over prefix and alias: the mask of a switch's action `alias_pool`.
    pub fn mask(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::MAX << self.random_bits())
    }

    /// Prefix ‖ alias, the other bits zero: the key of a switch's table `alias`.
    pub fn alias_prefix(&self, alias: Alias) -> Ipv6Addr {
        self.encode(alias, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Ipv6Network {
        text.parse().unwrap()
    }

    #[test]
    fn layout_of_the_paper() {
        let codec = AliasCodec::new(network("2001:db8:0:1::/64"), 16).unwrap();
        let address = codec.encode(Alias(0xabcd), 0x1234_5678_9abc);
        assert_eq!(address, "2001:db8:0:1:abcd:1234:5678:9abc".parse::<Ipv6Addr>().unwrap());
        assert_eq!(codec.mask(), "ffff:ffff:ffff:ffff:ffff::".parse::<Ipv6Addr>().unwrap());
        assert_eq!(codec.alias_prefix(Alias(0xabcd)), "2001:db8:0:1:abcd::".parse::<Ipv6Addr>().unwrap());
        assert_eq!(codec.decode("2001:db8:0:2::".parse().unwrap()), None);
        // "MIMIQ can support up to 2^48 clients and 2^16 switches for a common /64 IPv6 network."
        assert_eq!(codec.check_capacity(1 << 48, 1 << 16, 1), Ok(()));
        let over = codec.check_capacity((1 << 48) + 1, 1 << 16, 2).unwrap_err().to_string();
        assert!(over.contains("281474976710657 clients × 65536"), "{over}");
        assert!(matches!(codec.check_capacity(1 << 49, 1, 1), Err(CodecError::AliasCapacity { .. })));
    }

    #[test]
    fn refuses_layouts_that_do_not_fit() {
        let refused = |prefix, bits| AliasCodec::new(network(prefix), bits).unwrap_err();
        assert!(matches!(refused("2001::/31", 16), CodecError::PrefixLength(_)));
        assert!(matches!(refused("2001:db8::/97", 16), CodecError::PrefixLength(_)));
        assert_eq!(
            refused("2001:db8::1/64", 16).to_string(),
            "prefix = 2001:db8::1/64: has host bits set; the prefix is 2001:db8::"
        );
        assert!(matches!(refused("2001:db8::/64", 0), CodecError::AliasBits(0)));
        assert!(matches!(refused("2001:db8::/64", 33), CodecError::AliasBits(33)));
        assert!(matches!(refused("2001:db8::/32", 31), CodecError::RandomBits { random_bits: 65, .. }));
        assert!(AliasCodec::new(network("2001:db8::/32"), 32).is_ok());
        assert!(AliasCodec::new(network("2001:db8::/48"), 16).is_ok());
        assert!(AliasCodec::new(network("2001:db8::/96"), 32).is_ok());
    }

    proptest! {
        #[test]
        fn decode_reverses_encode(len in 32u8..=96, alias_bits in 1u8..=32, alias: u32, random: u64) {
            let prefix = Ipv6Network::new("2001:db8::".parse().unwrap(), len).unwrap();
            let Ok(codec) = AliasCodec::new(prefix, alias_bits) else { return Ok(()) };
            let alias = Alias((u64::from(alias) % codec.alias_count()) as u32);
            let random = random & ((1u128 << codec.random_bits()) - 1) as u64;
            let address = codec.encode(alias, random);
            prop_assert_eq!(codec.decode(address), Some((alias, random)));
            prop_assert_eq!(address.to_bits() & codec.mask().to_bits(), codec.alias_prefix(alias).to_bits());
        }
    }
}
