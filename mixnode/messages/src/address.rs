//! What a user gives to friends.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimiq_sphinx::{KeyError, PublicKey};

/// Characters before the `@`: 48 bytes in base64url (RFC 4648 §5), which then has no padding and no spare bits.
const ENCODED: usize = 64;
const LONGEST_NAME: usize = 32;

/// A client's address, as text `BASE64URL(account ‖ key)@provider`. What is in one has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    account: [u8; 16],
    key: [u8; 32],
    provider: String,
}

/// Why something is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing that separates the provider.
    #[error("address {0:?}: no @")]
    Separator(String),
    /// Not 64 characters of base64url.
    #[error("account and key {0:?}: not {ENCODED} characters of base64url")]
    Encoding(String),
    /// Nobody can have this key.
    #[error("{error} ({key})")]
    Key {
        /// The key, in base64url.
        key: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Not a provider's name.
    #[error("provider {0:?}: not 1 to {LONGEST_NAME} lower-case letters, digits and hyphens")]
    Provider(String),
}

impl Address {
    /// Of an inbox at a provider, and of the key that opens what comes there.
    ///
    /// # Errors
    /// If the provider cannot have that name, or nobody that key.
    pub fn new(account: [u8; 16], key: [u8; 32], provider: &str) -> Result<Self, AddressError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=LONGEST_NAME).contains(&provider.len()) || !provider.bytes().all(allowed) {
            return Err(AddressError::Provider(provider.to_owned()));
        }
        PublicKey::from(key).check().map_err(|error| AddressError::Key { key: URL_SAFE_NO_PAD.encode(key), error })?;
        Ok(Self { account, key, provider: provider.to_owned() })
    }

    /// The inbox.
    #[must_use]
    pub fn account(&self) -> &[u8; 16] {
        &self.account
    }

    /// The X25519 key to seal to: canonical, and of prime order.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The provider's name in the directory.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(&self.account);
        bytes[16..].copy_from_slice(&self.key);
        write!(f, "{}@{}", URL_SAFE_NO_PAD.encode(bytes), self.provider)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (encoded, provider) = text.split_once('@').ok_or_else(|| AddressError::Separator(text.to_owned()))?;
        let wrong = || AddressError::Encoding(encoded.to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong())?;
        let (account, key) = bytes.split_first_chunk().ok_or_else(wrong)?;
        Self::new(*account, key.try_into().map_err(|_| wrong())?, provider)
    }
}
