use std::fmt;

use super::ParamField;

/// An address prefix, host bits zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix<A> {
    addr: A,
    len: u8,
}

impl<A: ParamField + Copy> Prefix<A> {
    /// The prefix of `len` bits that contains `addr`; host bits are cleared. `None` if `len` exceeds the address.
    pub fn new(addr: A, len: u8) -> Option<Self> {
        if u32::from(len) > A::BITS {
            return None;
        }
        let masked = addr.to_bits() & mask(u32::from(len), A::BITS);
        Some(Self { addr: A::from_bits(masked)?, len })
    }

    /// The first address of the prefix.
    pub fn addr(&self) -> A {
        self.addr
    }

    /// The length in bits.
    pub fn len(&self) -> u8 {
        self.len
    }

    /// Whether this is the default route's prefix, `/0`.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `addr` is inside.
    pub fn contains(&self, addr: A) -> bool {
        addr.to_bits() & mask(u32::from(self.len), A::BITS) == self.addr.to_bits()
    }
}

impl<A: fmt::Display> fmt::Display for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

/// The `len` highest of `bits` bits.
fn mask(len: u32, bits: u32) -> u128 {
    let ones = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    if len == 0 { 0 } else { ones & (ones << (bits - len)) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contains_what_shares_the_leading_bits(addr in any::<u32>(), other in any::<u32>(), len in 0..=32u8) {
            let prefix = Prefix::new(Ipv4Addr::from_bits(addr), len).unwrap();
            let shared = (addr ^ other).leading_zeros() >= u32::from(len);
            prop_assert_eq!(prefix.contains(Ipv4Addr::from_bits(other)), shared);
            prop_assert!(prefix.contains(Ipv4Addr::from_bits(addr)) && prefix.contains(prefix.addr()));
        }
    }

    #[test]
    fn host_bits_are_cleared_and_lengths_checked() {
        let addr: Ipv6Addr = "2001:db8:ffff::1".parse().unwrap();
        assert_eq!(Prefix::new(addr, 33).unwrap().to_string(), "2001:db8:8000::/33");
        assert_eq!(Prefix::new(addr, 128).unwrap().addr(), addr);
        assert_eq!(Prefix::new(addr, 0).unwrap().to_string(), "::/0");
        assert!(Prefix::new(addr, 129).is_none() && Prefix::new(Ipv4Addr::LOCALHOST, 33).is_none());
    }
}
