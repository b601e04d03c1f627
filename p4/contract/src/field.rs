use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use p4runtime::v1::{FieldMatch, field_match};

use crate::EntryError;

/// A switch port: 9 bits, as on BMv2 and Tofino 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PortId(pub u16);

impl PortId {
    /// One more than the largest port number.
    pub const COUNT: usize = 512;
}

/// An Ethernet address in wire order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for MacAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("{text:?} is no MAC address (six hexadecimal bytes with colons)");
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(error)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        if parts.next().is_some() { Err(error()) } else { Ok(Self(bytes)) }
    }
}

/// What a port is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Clients: sources are guarded, control datagrams are relayed.
    Client = 1,
    /// The trusted network's inside.
    Fabric = 2,
    /// The Internet: pool and internal sources are dropped.
    Upstream = 3,
}

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

/// The canonical byte string of a value (P4Runtime §8.3): big-endian without leading zeros, at least one byte.
pub fn canonical(bits: u128) -> Vec<u8> {
    let zeros = (bits.leading_zeros() / 8).min(15) as usize;
    bits.to_be_bytes()[zeros..].to_vec()
}

/// Reads a byte string of any length; leading zeros are accepted, as §8.3 asks of servers.
pub(crate) fn decode<T: ParamField>(table: &'static str, field: &'static str, bytes: &[u8]) -> Result<T, EntryError> {
    let bad = |problem: String| {
        let value = bytes.iter().take(64).map(|b| format!("{b:02x}")).collect();
        EntryError::BadValue { table, field, value, problem }
    };
    if bytes.is_empty() {
        return Err(bad("an empty byte string is no value".into()));
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let significant = &bytes[zeros..];
    let too_wide = || bad(format!("does not fit {} bits", T::BITS));
    if significant.len() > 16 {
        return Err(too_wide());
    }
    let bits = significant.iter().fold(0u128, |n, b| n << 8 | u128::from(*b));
    if T::BITS < 128 && bits >> T::BITS != 0 {
        return Err(too_wide());
    }
    T::from_bits(bits).ok_or_else(|| bad("is reserved".into()))
}

/// A match field: how it is written to and read from P4Runtime.
pub trait MatchField: Sized {
    /// Adds the field's match; nothing where the match is "any".
    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>);
    /// Reads it; `None` stands for a field that the entry left out.
    ///
    /// # Errors
    /// If the field is missing though exact, has another match type, or a value that does not fit.
    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError>;
}

impl<T: ParamField> MatchField for T {
    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>) {
        let exact = field_match::Exact { value: canonical(self.to_bits()) };
        fields.push(FieldMatch { field_id: id, field_match_type: Some(field_match::FieldMatchType::Exact(exact)) });
    }

    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError> {
        let field = field.ok_or(EntryError::MissingField { table, field: name })?;
        match &field.field_match_type {
            Some(field_match::FieldMatchType::Exact(exact)) => decode(table, name, &exact.value),
            _ => Err(EntryError::MatchType { table, field: name, expected: "exact" }),
        }
    }
}

impl<A: ParamField + Copy> MatchField for Prefix<A> {
    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>) {
        // §9.1.1: a prefix of length 0 is expressed by leaving the field out.
        if self.len > 0 {
            let lpm = field_match::Lpm { value: canonical(self.addr.to_bits()), prefix_len: i32::from(self.len) };
            fields.push(FieldMatch { field_id: id, field_match_type: Some(field_match::FieldMatchType::Lpm(lpm)) });
        }
    }

    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError> {
        let bad = |value: &[u8], problem: String| EntryError::BadValue {
            table,
            field: name,
            value: value.iter().take(64).map(|b| format!("{b:02x}")).collect(),
            problem,
        };
        let lpm = match field.map(|f| &f.field_match_type) {
            None => return Prefix::new(zero::<A>(table, name)?, 0).ok_or_else(|| bad(&[], "no value".into())),
            Some(Some(field_match::FieldMatchType::Lpm(lpm))) => lpm,
            Some(_) => return Err(EntryError::MatchType { table, field: name, expected: "lpm" }),
        };
        let addr: A = decode(table, name, &lpm.value)?;
        let len = u8::try_from(lpm.prefix_len).ok().filter(|len| *len > 0 && u32::from(*len) <= A::BITS);
        let Some(len) = len else {
            return Err(bad(&lpm.value, format!("prefix_len {} is not within 1 to {}", lpm.prefix_len, A::BITS)));
        };
        let prefix = Prefix::new(addr, len).ok_or_else(|| bad(&lpm.value, "no value".into()))?;
        if prefix.addr.to_bits() != addr.to_bits() {
            return Err(bad(&lpm.value, format!("has bits set behind prefix_len {len}")));
        }
        Ok(prefix)
    }
}

fn zero<A: ParamField>(table: &'static str, field: &'static str) -> Result<A, EntryError> {
    A::from_bits(0).ok_or(EntryError::MissingField { table, field })
}
