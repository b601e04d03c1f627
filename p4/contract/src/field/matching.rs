use std::fmt;

use p4runtime::v1::{
    FieldMatch,
    field_match::{Exact, FieldMatchType, Lpm},
};

use super::{
    ParamField, Prefix,
    bytes::{bad_value, canonical, decode},
};
use crate::EntryError;

/// How a field is matched; the pipeline has no ternary, range or optional matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchType {
    /// The whole value.
    Exact,
    /// The longest prefix.
    Lpm,
}

impl fmt::Display for MatchType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Lpm => "lpm",
        })
    }
}

/// A match field: how it is written to and read from P4Runtime.
pub trait MatchField: Sized {
    /// How it is matched.
    const MATCH_TYPE: MatchType;
    /// The width in bits.
    const WIDTH: u32;
    /// Adds the field's match; nothing where the match is "any".
    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>);
    /// Reads it; `None` stands for a field that the entry left out.
    ///
    /// # Errors
    /// If the field is missing though exact, has another match type, or a value that does not fit.
    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError>;
}

impl<T: ParamField> MatchField for T {
    const MATCH_TYPE: MatchType = MatchType::Exact;
    const WIDTH: u32 = T::BITS;

    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>) {
        let exact = Exact { value: canonical(self.to_bits()) };
        fields.push(FieldMatch { field_id: id, field_match_type: Some(FieldMatchType::Exact(exact)) });
    }

    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError> {
        let field = field.ok_or(EntryError::MissingField { table, field: name })?;
        match &field.field_match_type {
            Some(FieldMatchType::Exact(exact)) => decode(table, name, &exact.value),
            _ => Err(EntryError::MatchType { table, field: name, expected: Self::MATCH_TYPE }),
        }
    }
}

impl<A: ParamField + Copy> MatchField for Prefix<A> {
    const MATCH_TYPE: MatchType = MatchType::Lpm;
    const WIDTH: u32 = A::BITS;

    fn put(&self, id: u32, fields: &mut Vec<FieldMatch>) {
        // §9.1.1: a prefix of length 0 is expressed by leaving the field out.
        if !self.is_empty() {
            let lpm = Lpm { value: canonical(self.addr().to_bits()), prefix_len: i32::from(self.len()) };
            fields.push(FieldMatch { field_id: id, field_match_type: Some(FieldMatchType::Lpm(lpm)) });
        }
    }

    fn take(table: &'static str, name: &'static str, field: Option<&FieldMatch>) -> Result<Self, EntryError> {
        let lpm = match field.map(|f| &f.field_match_type) {
            // Every address type has the address 0, and every one the length 0.
            None => {
                let any = A::from_bits(0).and_then(|zero| Prefix::new(zero, 0));
                return any.ok_or(EntryError::MissingField { table, field: name });
            }
            Some(Some(FieldMatchType::Lpm(lpm))) => lpm,
            Some(_) => return Err(EntryError::MatchType { table, field: name, expected: Self::MATCH_TYPE }),
        };
        let addr: A = decode(table, name, &lpm.value)?;
        let len = u8::try_from(lpm.prefix_len).ok().filter(|len| *len > 0);
        let Some(prefix) = len.and_then(|len| Prefix::new(addr, len)) else {
            let problem = format!("prefix_len {} is not within 1 to {}", lpm.prefix_len, A::BITS);
            return Err(bad_value(table, name, &lpm.value, problem));
        };
        if prefix.addr().to_bits() != addr.to_bits() {
            let problem = format!("has bits set behind prefix_len {}", lpm.prefix_len);
            return Err(bad_value(table, name, &lpm.value, problem));
        }
        Ok(prefix)
    }
}
