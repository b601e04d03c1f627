//! Bytes as lower-case hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not such bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {digits} lower-case hexadecimal digits")]
pub struct HexError {
    /// The start of the text.
    pub text: String,
    /// How many there must be.
    pub digits: usize,
}

/// Bytes of a fixed number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// A key: 32 bytes.
pub type Hex32 = Bytes<32>;
/// A signature: 64 bytes.
pub type Hex64 = Bytes<64>;

impl<const N: usize> From<[u8; N]> for Bytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> TryFrom<String> for Bytes<N> {
    type Error = HexError;

    fn try_from(text: String) -> Result<Self, HexError> {
        let mut bytes = [0; N];
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let read = text.len() == 2 * N
            && bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)).all(|(byte, pair)| {
                let value = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low);
                *byte = value.unwrap_or_default();
                value.is_some()
            });
        if read { Ok(Self(bytes)) } else { Err(HexError { text: text.chars().take(80).collect(), digits: 2 * N }) }
    }
}

impl<const N: usize> From<Bytes<N>> for String {
    fn from(bytes: Bytes<N>) -> Self {
        bytes.to_string()
    }
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
