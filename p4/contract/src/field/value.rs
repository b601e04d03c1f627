use std::net::{Ipv4Addr, Ipv6Addr};

use super::{MacAddr, PortId, Role};

/// A value of fixed width: an action parameter or an exact match.
pub trait ParamField: Sized {
    /// The width in bits.
    const BITS: u32;
    /// The value as a number.
    fn to_bits(&self) -> u128;
    /// The value of a number below 2^BITS; `None` if the type has no such value.
    fn from_bits(bits: u128) -> Option<Self>;
}

macro_rules! param {
    ($ty:ty, $bits:expr, |$v:ident| $to:expr, |$b:ident| $from:expr) => {
        impl ParamField for $ty {
            const BITS: u32 = $bits;
            fn to_bits(&self) -> u128 {
                let $v = *self;
                $to
            }
            fn from_bits($b: u128) -> Option<Self> {
                $from
            }
        }
    };
}

param!(PortId, 9, |v| u128::from(v.0), |b| u16::try_from(b).ok().filter(|b| *b < 512).map(PortId));
param!(u16, 16, |v| u128::from(v), |b| u16::try_from(b).ok());
param!(Ipv6Addr, 128, |v| v.to_bits(), |b| Some(Ipv6Addr::from_bits(b)));
param!(Ipv4Addr, 32, |v| u128::from(v.to_bits()), |b| u32::try_from(b).ok().map(Ipv4Addr::from_bits));
param!(Role, 2, |v| v as u128, |b| match b {
    1 => Some(Role::Client),
    2 => Some(Role::Fabric),
    3 => Some(Role::Upstream),
    _ => None,
});
param!(MacAddr, 48, |v| v.0.iter().fold(0, |n, b| n << 8 | u128::from(*b)), |b| u64::try_from(b).ok().map(|b| {
    let [_, _, mac @ ..] = b.to_be_bytes();
    MacAddr(mac)
}));
