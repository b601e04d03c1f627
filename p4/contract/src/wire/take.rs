use p4runtime::v1::update::Type;

use super::{Update, tag};
use crate::{Entry, EntryKey, ParamField, Prefix};

/// Bytes of a message that are yet to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte, which must be this one.
    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    /// A number of up to 32 bits.
    #[inline]
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // Of the last byte four bits count.
                return (shift < 28 || byte < 0x10).then_some(number);
            }
        }
        None
    }

    #[inline]
    fn split(&mut self, len: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(first)
    }

    /// The content of a field that has a length.
    #[inline]
    fn nested(&mut self, tag: u8) -> Option<Self> {
        self.expect(tag)?;
        let len = self.number()?;
        self.split(len as usize).map(Bytes)
    }

    #[inline]
    fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Passes over a field; groups, which no message of today has, are not known here.
    fn skip(&mut self) -> Option<()> {
        match self.number()? & 7 {
            0 => {
                let len = self.0.iter().take(10).position(|byte| *byte < 0x80)? + 1;
                self.split(len)
            }
            1 => self.split(8),
            2 => {
                let len = self.number()?;
                self.split(len as usize)
            }
            5 => self.split(4),
            _ => None,
        }
        .map(drop)
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    #[inline]
    fn value<T: ParamField>(&mut self, tag: u8) -> Option<T> {
        let Bytes(bytes) = self.nested(tag)?;
        let at = 16usize.checked_sub(bytes.len()).filter(|at| *at < 16)?;
        let mut whole = [0; 16];
        whole[at..].copy_from_slice(bytes);
        let bits = u128::from_be_bytes(whole);
        if T::BITS < 128 && bits >> T::BITS != 0 {
            return None;
        }
        T::from_bits(bits)
    }

    /// Reads a parameter of the list of them.
    #[inline]
    pub(crate) fn param<T: ParamField>(&mut self, id: u8) -> Option<T> {
        let mut param = self.nested(tag::PARAMS)?;
        param.expect(tag::PARAM_ID)?;
        param.expect(id)?;
        let value = param.value(tag::PARAM_VALUE)?;
        param.end()?;
        Some(value)
    }

    /// Reads the action's ID.
    #[inline]
    pub(crate) fn action_id(&mut self) -> Option<u32> {
        self.expect(tag::ACTION_ID)?;
        self.number()
    }

    /// Reads the `Action` in a `TableEntry`, the last field there.
    #[inline]
    pub(crate) fn action(mut self) -> Option<Self> {
        let mut outer = self.nested(tag::TABLE_ACTION)?;
        self.end()?;
        let action = outer.nested(tag::ACTION)?;
        outer.end()?;
        Some(action)
    }

    /// Reads the table's ID at the start of a `TableEntry`.
    #[inline]
    pub(crate) fn table_id(&mut self) -> Option<u32> {
        self.expect(tag::TABLE_ID)?;
        self.number()
    }
}

/// A match field that is read.
pub(crate) trait TakeField: Sized {
    /// Reads a `FieldMatch` of the list of them.
    fn take_match(id: u8, bytes: &mut Bytes<'_>) -> Option<Self>;
}

impl<T: ParamField> TakeField for T {
    #[inline]
    fn take_match(id: u8, bytes: &mut Bytes<'_>) -> Option<Self> {
        let mut field = bytes.nested(tag::MATCH)?;
        field.expect(tag::FIELD_ID)?;
        field.expect(id)?;
        let mut exact = field.nested(tag::EXACT)?;
        field.end()?;
        let value = exact.value(tag::VALUE)?;
        exact.end()?;
        Some(value)
    }
}

impl<A: ParamField + Copy> TakeField for Prefix<A> {
    #[inline]
    fn take_match(id: u8, bytes: &mut Bytes<'_>) -> Option<Self> {
        if !bytes.next_is(tag::MATCH) {
            return Prefix::new(A::from_bits(0)?, 0);
        }
        let mut field = bytes.nested(tag::MATCH)?;
        field.expect(tag::FIELD_ID)?;
        field.expect(id)?;
        let mut lpm = field.nested(tag::LPM)?;
        field.end()?;
        let addr: A = lpm.value(tag::VALUE)?;
        lpm.expect(tag::PREFIX_LEN)?;
        let len = u8::try_from(lpm.number()?).ok().filter(|len| *len > 0)?;
        lpm.end()?;
        Prefix::new(addr, len).filter(|prefix| prefix.addr().to_bits() == addr.to_bits())
    }
}

impl Update {
    /// Reads an `Update`.
    pub fn take(bytes: &[u8]) -> Option<Self> {
        let mut update = Bytes(bytes);
        update.expect(tag::TYPE)?;
        let kind = Type::try_from(i32::from(update.byte()?)).ok()?;
        let mut entity = update.nested(tag::ENTITY)?;
        update.end()?;
        let entry = entity.nested(tag::TABLE_ENTRY)?;
        entity.end()?;
        match kind {
            Type::Insert => Entry::take_wire(entry).map(Self::Insert),
            Type::Modify => Entry::take_wire(entry).map(Self::Modify),
            Type::Delete => EntryKey::take_wire(entry).map(Self::Delete),
            Type::Unspecified => None,
        }
    }
}

/// Reads an `Entity`.
pub fn take_entity(bytes: &[u8]) -> Option<Entry> {
    let mut entity = Bytes(bytes);
    let entry = entity.nested(tag::TABLE_ENTRY)?;
    entity.end()?;
    Entry::take_wire(entry)
}

/// A field of a message that is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// A message of the list that is asked for: its content.
    Item(&'a [u8]),
    /// Another field, its tag included.
    Other(&'a [u8]),
}

/// The fields of a message one after the other. Ends early where the bytes are no such message.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: Bytes<'a>,
    item: u8,
}

impl<'a> Fields<'a> {
    /// Takes a `WriteRequest` apart into updates and other fields.
    pub fn updates(request: &'a [u8]) -> Self {
        Self { rest: Bytes(request), item: tag::UPDATES }
    }

    /// Takes a `ReadResponse` apart into entities and other fields.
    pub fn entities(response: &'a [u8]) -> Self {
        Self { rest: Bytes(response), item: tag::ENTITIES }
    }

    /// Whether all was taken.
    pub fn is_complete(&self) -> bool {
        self.rest.0.is_empty()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let Bytes(before) = self.rest;
        let mut rest = self.rest;
        let field = if rest.next_is(self.item) {
            Field::Item(rest.nested(self.item)?.0)
        } else {
            rest.skip()?;
            Field::Other(&before[..before.len() - rest.0.len()])
        };
        self.rest = rest;
        Some(field)
    }
}
