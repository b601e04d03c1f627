use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

/// The layout of a pool without structure: each number behind the prefix is an address.
///
/// An IPv4 prefix up to /30 keeps its network and its broadcast address out of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NaiveCodec {
    prefix: IpNetwork,
}

/// Why a pool's layout was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NaiveCodecError {
    /// The prefix is shorter than supported.
    #[error("prefix = {0}: its length must be within {least}", least = if .0.is_ipv4() { "/8 and /32" } else { "/96 and /128" })]
    PrefixLength(IpNetwork),
    /// The prefix has bits set behind its length.
    #[error("prefix = {0}: has host bits set; the prefix is {network}", network = .0.network())]
    HostBits(IpNetwork),
}

impl NaiveCodec {
    /// The layout of a pool with this prefix.
    ///
    /// # Errors
    /// If the prefix is not within /8 and /32 (IPv4) or /96 and /128 (IPv6), or has host bits.
    pub fn new(prefix: IpNetwork) -> Result<Self, NaiveCodecError> {
        if prefix.prefix() < if prefix.is_ipv4() { 8 } else { 96 } {
            return Err(NaiveCodecError::PrefixLength(prefix));
        }
        if prefix.ip() != prefix.network() {
            return Err(NaiveCodecError::HostBits(prefix));
        }
        Ok(Self { prefix })
    }

    /// The pool's prefix.
    pub fn prefix(&self) -> IpNetwork {
        self.prefix
    }

    /// How many addresses can be given out.
    pub fn capacity(&self) -> u64 {
        // The network and the broadcast address are kept.
        (1 << self.host_bits()) - 2 * self.first()
    }

    /// Number `index` of the addresses that can be given out; bits that do not fit are cut off.
    pub fn encode(&self, index: u64) -> IpAddr {
        let host = (index + self.first()) & ((1 << self.host_bits()) - 1);
        match self.prefix {
            // Fits: there are at most 24 host bits.
            IpNetwork::V4(prefix) => IpAddr::V4(Ipv4Addr::from_bits(prefix.ip().to_bits() | host as u32)),
            IpNetwork::V6(prefix) => IpAddr::V6(Ipv6Addr::from_bits(prefix.ip().to_bits() | u128::from(host))),
        }
    }

    /// The number of an address; `None` if it cannot be given out.
    pub fn decode(&self, address: IpAddr) -> Option<u64> {
        if !self.prefix.contains(address) {
            return None;
        }
        let mask = (1 << self.host_bits()) - 1;
        let host = match address {
            IpAddr::V4(address) => u64::from(address.to_bits()) & mask,
            // The cast drops bits of the prefix only.
            IpAddr::V6(address) => address.to_bits() as u64 & mask,
        };
        host.checked_sub(self.first()).filter(|index| *index < self.capacity())
    }

    /// 0 to 32.
    fn host_bits(&self) -> u8 {
        match self.prefix {
            IpNetwork::V4(prefix) => 32 - prefix.prefix(),
            IpNetwork::V6(prefix) => 128 - prefix.prefix(),
        }
    }

    /// The host bits of the first address that can be given out.
    fn first(&self) -> u64 {
        u64::from(self.prefix.is_ipv4() && self.host_bits() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codec(text: &str) -> Result<NaiveCodec, NaiveCodecError> {
        NaiveCodec::new(text.parse().unwrap())
    }

    #[test]
    fn refuses_prefixes_that_do_not_fit() {
        assert_eq!(
            codec("12.0.0.0/7").unwrap_err().to_string(),
            "prefix = 12.0.0.0/7: its length must be within /8 and /32"
        );
        assert_eq!(
            codec("2001:db8::/95").unwrap_err().to_string(),
            "prefix = 2001:db8::/95: its length must be within /96 and /128"
        );
        assert_eq!(
            codec("10.0.0.1/8").unwrap_err().to_string(),
            "prefix = 10.0.0.1/8: has host bits set; the prefix is 10.0.0.0"
        );
    }

    #[test]
    fn ipv4_keeps_network_and_broadcast() {
        let sizes = [("10.0.0.0/8", (1 << 24) - 2), ("10.0.0.4/30", 2), ("10.0.0.4/31", 2), ("10.0.0.4/32", 1)];
        for (prefix, size) in sizes {
            assert_eq!(codec(prefix).unwrap().capacity(), size, "{prefix}");
        }
        let codec = codec("10.0.0.4/30").unwrap();
        assert_eq!([codec.encode(0), codec.encode(1)].map(|a| a.to_string()), ["10.0.0.5", "10.0.0.6"]);
        for (address, index) in [(4, None), (5, Some(0)), (6, Some(1)), (7, None), (8, None)] {
            assert_eq!(codec.decode([10, 0, 0, address].into()), index);
        }
        assert_eq!(codec.decode("::10.0.0.5".parse().unwrap()), None);
    }

    #[test]
    fn ipv6_uses_every_address() {
        let codec = codec("2001:db8::/96").unwrap();
        assert_eq!(codec.capacity(), 1 << 32);
        assert_eq!(codec.encode(0), "2001:db8::".parse::<IpAddr>().unwrap());
        assert_eq!(codec.decode("2001:db8::ffff:ffff".parse().unwrap()), Some((1 << 32) - 1));
        assert_eq!(NaiveCodec::new("2001:db8::7/128".parse().unwrap()).unwrap().capacity(), 1);
    }

    proptest! {
        #[test]
        fn decode_reverses_encode(v4: bool, len in 0u8..=32, index: u64) {
            let (base, len) = if v4 { ("10.0.0.0", len.max(8)) } else { ("2001:db8::", 96 + len) };
            let codec = NaiveCodec::new(IpNetwork::new(base.parse().unwrap(), len).unwrap()).unwrap();
            let index = index % codec.capacity();
            prop_assert_eq!(codec.decode(codec.encode(index)), Some(index));
        }
    }
}
