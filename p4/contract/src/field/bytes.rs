//! P4Runtime's byte strings (§8.3).

use super::ParamField;
use crate::EntryError;

/// How many bytes of a refused value a message quotes.
const QUOTED: usize = 64;

/// The canonical byte string of a value (P4Runtime §8.3): big-endian without leading zeros, at least one byte.
pub fn canonical(bits: u128) -> Vec<u8> {
    let zeros = (bits.leading_zeros() / 8).min(15) as usize;
    bits.to_be_bytes()[zeros..].to_vec()
}

/// Reads a byte string of any length; leading zeros are accepted, as §8.3 asks of servers.
pub(crate) fn decode<T: ParamField>(table: &'static str, field: &'static str, bytes: &[u8]) -> Result<T, EntryError> {
    let bad = |problem: String| bad_value(table, field, bytes, problem);
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

pub(super) fn bad_value(table: &'static str, field: &'static str, bytes: &[u8], problem: String) -> EntryError {
    let mut value: String = bytes.iter().take(QUOTED).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > QUOTED {
        value.push('…');
    }
    EntryError::BadValue { table, field, value, problem }
}
