use std::{
    fmt::Debug,
    hash::Hash,
    net::{Ipv4Addr, Ipv6Addr},
    ops::BitAnd,
};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use mimiq_contract::{Prefix, TableSchema, tables::*};

use super::{Refusal, Table, Visitor, exact::Slot};
use crate::{bits::Bits128, counters::Counters};

/// An address that has prefixes.
pub(crate) trait Address: Copy + Debug + mimiq_contract::ParamField {
    /// How it is kept as a key.
    type Packed: Copy + Eq + Hash + Debug + BitAnd<Output = Self::Packed> + From<Self>;
    /// So many leading ones.
    fn mask(len: u8) -> Self::Packed;
    /// The address.
    fn unpack(packed: Self::Packed) -> Self;
}

impl Address for Ipv6Addr {
    type Packed = Bits128;
    fn mask(len: u8) -> Bits128 {
        (!u128::MAX.checked_shr(u32::from(len)).unwrap_or(0)).into()
    }
    fn unpack(packed: Bits128) -> Self {
        packed.addr()
    }
}

impl Address for Ipv4Addr {
    type Packed = u32;
    fn mask(len: u8) -> u32 {
        !u32::MAX.checked_shr(u32::from(len)).unwrap_or(0)
    }
    fn unpack(packed: u32) -> Self {
        Self::from_bits(packed)
    }
}

/// A table whose key is one prefix.
pub(crate) trait LpmSchema: TableSchema {
    /// The family.
    type Addr: Address;
    /// The prefix of a key.
    fn prefix(key: &Self::Key) -> Prefix<Self::Addr>;
    /// The key of a prefix.
    fn key(prefix: Prefix<Self::Addr>) -> Self::Key;
}

macro_rules! lpm {
    ($($table:ident($key:ident) $field:ident: $addr:ty;)+) => {
        $(impl LpmSchema for $table {
            type Addr = $addr;
            fn prefix(key: &$key) -> Prefix<$addr> { key.$field }
            fn key($field: Prefix<$addr>) -> $key { $key { $field } }
        })+
    };
}

lpm! {
    PoolV6(PoolV6Key) dst_addr: Ipv6Addr;
    PoolV4(PoolV4Key) dst_addr: Ipv4Addr;
    DeniedSourceV6(DeniedSourceV6Key) src_addr: Ipv6Addr;
    DeniedSourceV4(DeniedSourceV4Key) src_addr: Ipv4Addr;
    RouteV6(RouteV6Key) dst_addr: Ipv6Addr;
    RouteV4(RouteV4Key) dst_addr: Ipv4Addr;
}

type Packed<T> = <<T as LpmSchema>::Addr as Address>::Packed;

/// A longest-prefix table: an exact table per prefix length in use, longest first. A trusted network has a handful of
/// lengths, and an update costs no more than in an exact table.
#[derive(Debug)]
pub(crate) struct Lpm<T: LpmSchema> {
    lengths: Vec<Length<T>>,
}

/// The prefixes of one length, at least one.
#[derive(Debug)]
struct Length<T: LpmSchema> {
    len: u8,
    mask: Packed<T>,
    /// Any of them. Most lengths have no other: a comparison finds it faster than a hash.
    first: (Packed<T>, Slot<T::Action>),
    others: HashMap<Packed<T>, Slot<T::Action>, RandomState>,
}

impl<T: LpmSchema> Length<T> {
    #[inline]
    fn find(&self, prefix: &Packed<T>) -> Option<&Slot<T::Action>> {
        let (first, slot) = &self.first;
        if first == prefix { Some(slot) } else { self.others.get(prefix) }
    }

    #[inline]
    fn find_mut(&mut self, prefix: &Packed<T>) -> Option<&mut Slot<T::Action>> {
        let (first, slot) = &mut self.first;
        if first == prefix { Some(slot) } else { self.others.get_mut(prefix) }
    }
}

impl<T: LpmSchema> Default for Lpm<T> {
    fn default() -> Self {
        Self { lengths: Vec::new() }
    }
}

impl<T: LpmSchema> Lpm<T> {
    /// The entry with the longest prefix that contains the address.
    #[inline]
    pub(crate) fn find(&self, addr: Packed<T>) -> Option<&Slot<T::Action>> {
        self.lengths.iter().find_map(|length| length.find(&(addr & length.mask)))
    }

    /// Where the length is, or should be.
    fn position(&self, len: u8) -> Result<usize, usize> {
        self.lengths.binary_search_by(|length| len.cmp(&length.len))
    }
}

/// A prefix's address and length; the bits behind the length are zero.
fn split<T: LpmSchema>(key: &T::Key) -> (Packed<T>, u8) {
    let prefix = T::prefix(key);
    (Packed::<T>::from(prefix.addr()) & T::Addr::mask(prefix.len()), prefix.len())
}

impl<T: LpmSchema> Table<T> for Lpm<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, Option<&Counters>)> {
        let (prefix, len) = split::<T>(key);
        let length = self.lengths.get(self.position(len).ok()?)?;
        length.find(&prefix).map(|slot| (slot.action, Some(&slot.counters)))
    }

    fn insert(&mut self, key: &T::Key, action: T::Action, size: usize) -> Result<(), Refusal> {
        let (prefix, len) = split::<T>(key);
        let (position, full, slot) = (self.position(len), Table::<T>::len(self) >= size, Slot::new(action));
        match position {
            Ok(at) if self.lengths[at].find(&prefix).is_some() => return Err(Refusal::Exists),
            _ if full => return Err(Refusal::Full),
            Ok(at) => drop(self.lengths[at].others.insert(prefix, slot)),
            Err(at) => {
                let (mask, others) = (T::Addr::mask(len), HashMap::default());
                self.lengths.insert(at, Length { len, mask, first: (prefix, slot), others });
            }
        }
        Ok(())
    }

    fn modify(&mut self, key: &T::Key, action: T::Action) -> bool {
        let (prefix, len) = split::<T>(key);
        let Ok(at) = self.position(len) else { return false };
        self.lengths[at].find_mut(&prefix).map(|slot| slot.action = action).is_some()
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        let (prefix, len) = split::<T>(key);
        let Ok(at) = self.position(len) else { return false };
        let length = &mut self.lengths[at];
        if length.first.0 != prefix {
            return length.others.remove(&prefix).is_some();
        }
        let next = length.others.keys().next().copied();
        match next.and_then(|prefix| length.others.remove_entry(&prefix)) {
            Some(next) => length.first = next,
            // An empty length would still cost each look-up a probe.
            None => {
                self.lengths.remove(at);
            }
        }
        true
    }

    fn len(&self) -> usize {
        self.lengths.iter().map(|length| 1 + length.others.len()).sum()
    }

    fn clear(&mut self) {
        self.lengths.clear();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        for length in &self.lengths {
            let (first, slot) = &length.first;
            for (addr, slot) in std::iter::once((first, slot)).chain(&length.others) {
                if let Some(prefix) = Prefix::new(T::Addr::unpack(*addr), length.len) {
                    visit(T::key(prefix), slot.action, Some(&slot.counters));
                }
            }
        }
    }
}
