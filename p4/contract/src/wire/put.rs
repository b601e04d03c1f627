use super::{Update, tag};
use crate::{Entry, ParamField, Prefix};

/// Writes a number as protobuf does: seven bits a byte, the lowest first.
#[inline]
pub(super) fn varint(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a field with a message in it. Nearly all are shorter than 128 bytes, so that their length is one byte.
#[inline]
pub(crate) fn nested(tag: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend([tag, 0]);
    let start = out.len();
    body(out);
    let len = out.len() - start;
    if len < 0x80 {
        out[start - 1] = len as u8;
    } else {
        let mut bytes = Vec::new();
        varint(len as u32, &mut bytes);
        out.splice(start - 1..start, bytes);
    }
}

/// Writes a field with a value's canonical byte string (P4Runtime §8.3).
#[inline]
fn value(tag: u8, bits: u128, out: &mut Vec<u8>) {
    let zeros = (bits.leading_zeros() / 8).min(15) as usize;
    out.extend([tag, 16 - zeros as u8]);
    out.extend_from_slice(&bits.to_be_bytes()[zeros..]);
}

/// A match field or parameter that is written.
pub(crate) trait PutField {
    /// Writes a `FieldMatch` of the list of them; nothing where the match is "any".
    fn put_match(&self, id: u8, out: &mut Vec<u8>);
}

impl<T: ParamField> PutField for T {
    #[inline]
    fn put_match(&self, id: u8, out: &mut Vec<u8>) {
        nested(tag::MATCH, out, |out| {
            out.extend([tag::FIELD_ID, id]);
            nested(tag::EXACT, out, |out| value(tag::VALUE, self.to_bits(), out));
        });
    }
}

impl<A: ParamField + Copy> PutField for Prefix<A> {
    #[inline]
    fn put_match(&self, id: u8, out: &mut Vec<u8>) {
        if self.is_empty() {
            return;
        }
        nested(tag::MATCH, out, |out| {
            out.extend([tag::FIELD_ID, id]);
            nested(tag::LPM, out, |out| {
                value(tag::VALUE, self.addr().to_bits(), out);
                out.push(tag::PREFIX_LEN);
                varint(self.len().into(), out);
            });
        });
    }
}

/// Writes a parameter of the list of them.
#[inline]
pub(crate) fn param<T: ParamField>(param: &T, id: u8, out: &mut Vec<u8>) {
    nested(tag::PARAMS, out, |out| {
        out.extend([tag::PARAM_ID, id]);
        value(tag::PARAM_VALUE, param.to_bits(), out);
    });
}

/// Writes the action's ID.
#[inline]
pub(crate) fn action_id(id: u32, out: &mut Vec<u8>) {
    out.push(tag::ACTION_ID);
    varint(id, out);
}

impl Update {
    /// Appends it to a `WriteRequest`, as one of its `updates`.
    pub fn put(&self, out: &mut Vec<u8>) {
        nested(tag::UPDATES, out, |out| {
            out.extend([tag::TYPE, self.kind() as u8]);
            nested(tag::ENTITY, out, |out| {
                nested(tag::TABLE_ENTRY, out, |out| match self {
                    Self::Insert(entry) | Self::Modify(entry) => entry.put_wire(out),
                    Self::Delete(key) => key.put_wire(out),
                });
            });
        });
    }
}

/// Appends an entry to a `ReadResponse`, as one of its `entities`.
pub fn put_entity(entry: &Entry, out: &mut Vec<u8>) {
    nested(tag::ENTITIES, out, |out| nested(tag::TABLE_ENTRY, out, |out| entry.put_wire(out)));
}
