use std::{net::Ipv6Addr, ops::BitAnd};

/// An IPv6 address as a number, in two words: with the alignment of 64 bits an entry has no padding, a hash takes two words,
/// and a copy stays in registers, where bytes would be written one size and read another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bits128(u64, u64);

impl Bits128 {
    pub(crate) const ZERO: Self = Self(0, 0);

    #[inline]
    pub(crate) fn from_be_bytes(bytes: [u8; 16]) -> Self {
        u128::from_be_bytes(bytes).into()
    }

    #[inline]
    pub(crate) fn to_be_bytes(self) -> [u8; 16] {
        self.bits().to_be_bytes()
    }

    #[inline]
    pub(crate) fn bits(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }

    #[inline]
    pub(crate) fn addr(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.bits())
    }
}

impl From<u128> for Bits128 {
    #[inline]
    fn from(bits: u128) -> Self {
        Self((bits >> 64) as u64, bits as u64)
    }
}

impl From<Ipv6Addr> for Bits128 {
    #[inline]
    fn from(addr: Ipv6Addr) -> Self {
        addr.to_bits().into()
    }
}

impl BitAnd for Bits128 {
    type Output = Self;

    #[inline]
    fn bitand(self, mask: Self) -> Self {
        Self(self.0 & mask.0, self.1 & mask.1)
    }
}
