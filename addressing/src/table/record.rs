use crate::{LeaseState, Time, table::arena::Arena};

/// The end of a chain.
pub(crate) const NIL: u32 = u32::MAX;

/// The neighbours in a chain of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) prev: u32,
    pub(crate) next: u32,
}

impl Links {
    pub(crate) const NONE: Self = Self { prev: NIL, next: NIL };
}

/// An address that is not free: a number within a block. A block is a naive pool or the addresses with one alias.
///
/// There may be millions, so the chains are in the record and nothing is in it twice: 56 bytes if `C` is a `u32` and
/// `L` has ten bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<C, L> {
    pub(crate) index: u64,
    pub(crate) deadline: Time,
    pub(crate) block: u32,
    /// In the list of what waits for a time.
    pub(crate) timed: Links,
    /// In the chain of the client's addresses.
    pub(crate) of_client: Links,
    pub(crate) client: Option<C>,
    pub(crate) location: L,
    pub(crate) state: LeaseState,
    /// Whether it is the first in its client's chain.
    pub(crate) first: bool,
}

pub(crate) type Records<C, L> = Arena<Record<C, L>>;

/// Records chained by `timed`, in the order in which they came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    head: u32,
    tail: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { head: NIL, tail: NIL };

    pub(crate) fn first(&self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }

    pub(crate) fn push_back<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        records[slot].timed = Links { prev: self.tail, next: NIL };
        match self.tail {
            NIL => self.head = slot,
            tail => records[tail].timed.next = slot,
        }
        self.tail = slot;
    }

    pub(crate) fn remove<C, L>(&mut self, records: &mut Records<C, L>, slot: u32) {
        let Links { prev, next } = std::mem::replace(&mut records[slot].timed, Links::NONE);
        match prev {
            NIL => self.head = next,
            prev => records[prev].timed.next = next,
        }
        match next {
            NIL => self.tail = prev,
            next => records[next].timed.prev = prev,
        }
    }

    pub(crate) fn pop_front<C, L>(&mut self, records: &mut Records<C, L>) -> Option<u32> {
        let slot = self.first()?;
        self.remove(records, slot);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small() {
        type Location = (u16, u16, [u8; 6]);
        assert_eq!(size_of::<Location>(), 10);
        assert_eq!(size_of::<Record<u32, Location>>(), 56);
    }
}
