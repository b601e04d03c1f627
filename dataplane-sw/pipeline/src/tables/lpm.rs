use std::{
    fmt::Debug,
    hash::Hash,
    net::{Ipv4Addr, Ipv6Addr},
};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use mimiq_contract::{Prefix, TableSchema, tables::*};

use super::{Table, Visitor, exact::Slot, key::Bits128};
use crate::counters::Counters;

/// An address as a number, for masks.
pub(crate) trait Address: Copy + Debug + mimiq_contract::ParamField {
    /// How it is kept as a key.
    type Packed: Copy + Eq + Hash + Debug;
    /// The `len` leading bits of it, packed.
    fn leading(bits: u128, len: u8) -> Self::Packed;
    /// The address.
    fn unpack(packed: Self::Packed) -> Self;
}

impl Address for Ipv6Addr {
    type Packed = Bits128;
    #[inline]
    fn leading(bits: u128, len: u8) -> Bits128 {
        (bits & !u128::MAX.checked_shr(u32::from(len)).unwrap_or(0)).into()
    }
    fn unpack(packed: Bits128) -> Self {
        packed.addr()
    }
}

impl Address for Ipv4Addr {
    type Packed = u32;
    #[inline]
    fn leading(bits: u128, len: u8) -> u32 {
        bits as u32 & !u32::MAX.checked_shr(u32::from(len)).unwrap_or(0)
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

/// A longest-prefix table: an exact table per prefix length in use, longest first. A trusted network has a handful of
/// lengths, and an update costs no more than in an exact table.
#[derive(Debug)]
pub(crate) struct Lpm<T: LpmSchema> {
    lengths: Vec<Length<T>>,
}

/// The prefixes of one length.
#[derive(Debug)]
struct Length<T: LpmSchema> {
    len: u8,
    slots: HashMap<<T::Addr as Address>::Packed, Slot<T::Action>, RandomState>,
}

impl<T: LpmSchema> Default for Lpm<T> {
    fn default() -> Self {
        Self { lengths: Vec::new() }
    }
}

impl<T: LpmSchema> Lpm<T> {
    /// The entry with the longest prefix that contains the address.
    #[inline]
    pub(crate) fn find(&self, addr: u128) -> Option<&Slot<T::Action>> {
        self.lengths.iter().find_map(|length| length.slots.get(&T::Addr::leading(addr, length.len)))
    }

    /// Where the length is, or should be.
    fn position(&self, len: u8) -> Result<usize, usize> {
        self.lengths.binary_search_by(|length| len.cmp(&length.len))
    }
}

fn packed<A: Address>(prefix: &Prefix<A>) -> A::Packed {
    A::leading(prefix.addr().to_bits(), prefix.len())
}

impl<T: LpmSchema> Table<T> for Lpm<T> {
    fn get(&self, key: &T::Key) -> Option<(T::Action, &Counters)> {
        let prefix = T::prefix(key);
        let length = self.lengths.get(self.position(prefix.len()).ok()?)?;
        length.slots.get(&packed(&prefix)).map(|slot| (slot.action, &slot.counters))
    }

    fn put(&mut self, key: &T::Key, action: T::Action) {
        let prefix = T::prefix(key);
        let at = self.position(prefix.len()).unwrap_or_else(|at| {
            self.lengths.insert(at, Length { len: prefix.len(), slots: HashMap::default() });
            at
        });
        if let Some(length) = self.lengths.get_mut(at) {
            length
                .slots
                .entry(packed(&prefix))
                .and_modify(|slot| slot.action = action)
                .or_insert_with(|| Slot::new(action));
        }
    }

    fn remove(&mut self, key: &T::Key) -> bool {
        let prefix = T::prefix(key);
        let Ok(at) = self.position(prefix.len()) else { return false };
        let Some(length) = self.lengths.get_mut(at) else { return false };
        let found = length.slots.remove(&packed(&prefix)).is_some();
        // An empty length would still cost each look-up a probe.
        if length.slots.is_empty() {
            self.lengths.remove(at);
        }
        found
    }

    fn len(&self) -> usize {
        self.lengths.iter().map(|length| length.slots.len()).sum()
    }

    fn clear(&mut self) {
        self.lengths.clear();
    }

    fn for_each(&self, visit: &mut Visitor<'_, T>) {
        for length in &self.lengths {
            for (addr, slot) in &length.slots {
                if let Some(prefix) = Prefix::new(T::Addr::unpack(*addr), length.len) {
                    visit(T::key(prefix), slot.action, &slot.counters);
                }
            }
        }
    }
}
