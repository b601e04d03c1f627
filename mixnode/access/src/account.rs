//! Who a provider's clients are: accounts, named after keys, and the tokens that let one register.

use std::fmt;
use std::str::FromStr;

use mimiq_directory::{Hex32, HexError};
use ring::digest::{Context, SHA256, digest};
use serde::Deserialize;
use zeroize::Zeroizing;

/// What accounts are named after.
const PURPOSE: &[u8] = b"mimiq loopix account 1";

/// An account's name, which is what packets say of their recipient. In YAML 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(pub [u8; 16]);

impl AccountId {
    /// Of a client: the first 16 bytes of SHA-256 of a fixed text and its Ed25519 public key.
    #[must_use]
    pub fn of(key: &[u8; 32]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(PURPOSE);
        hash.update(key);
        let mut id = [0; 16];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl TryFrom<String> for AccountId {
    type Error = HexError;

    fn try_from(text: String) -> Result<Self, HexError> {
        let wrong = || HexError { text: text.chars().take(80).collect(), digits: 32 };
        if text.len() != 32 {
            return Err(wrong());
        }
        // Hex32 knows what digits are.
        let bytes = Hex32::try_from(format!("{text}{}", "0".repeat(32))).map_err(|_| wrong())?;
        let mut id = [0; 16];
        id.iter_mut().zip(bytes.0).for_each(|(to, from)| *to = from);
        Ok(Self(id))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What lets one client register: 32 random bytes, written as 64 hexadecimal digits. It is random and long, so a plain hash of it is as good as
/// a slow one.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// From 32 random bytes. Zeros stand for no token on the wire, and are none.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        (bytes != [0; 32]).then(|| Self(Zeroizing::new(bytes)))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the provider keeps of it: SHA-256 of its digits, as `printf %s TOKEN | sha256sum` prints it.
    #[must_use]
    pub fn hash(&self) -> Hex32 {
        let text = Zeroizing::new(Hex32::from(*self.0).to_string());
        let mut hash = [0; 32];
        hash.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        hash.into()
    }
}

impl FromStr for Token {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        // The message must not quote a secret.
        let wrong = |_| HexError { text: "a token".to_owned(), digits: 64 };
        let bytes = Hex32::try_from(text.to_owned()).map_err(wrong)?;
        Self::from_bytes(bytes.0).ok_or_else(|| HexError { text: "a token of zeros".to_owned(), digits: 64 })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_account_is_named_after_its_key() {
        // printf 'mimiq loopix account 1' | cat - <(head -c 32 /dev/zero) | sha256sum
        assert_eq!(AccountId::of(&[0; 32]).to_string(), EXPECTED);
        assert_eq!(AccountId::try_from(EXPECTED.to_owned()).unwrap(), AccountId::of(&[0; 32]));
        assert_ne!(AccountId::of(&[1; 32]), AccountId::of(&[0; 32]));
    }
    const EXPECTED: &str = "47f12ef2a65b19a0c04e76c2dd585153";

    #[test]
    fn a_token_is_hashed_as_text() {
        let text = "0123456789abcdef".repeat(4);
        let token: Token = text.parse().unwrap();
        assert_eq!(token.hash().to_string(), "a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e");
        for wrong in ["", "0", &text[1..], &text.to_uppercase(), &"0".repeat(64)] {
            let error = wrong.parse::<Token>().unwrap_err().to_string();
            assert!(wrong.is_empty() || wrong == "0" || !error.contains(wrong), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(text in "\\PC{0,40}|[0-9a-f]{30,34}") {
            if let Ok(id) = AccountId::try_from(text.clone()) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
