//! Who may use the exit: bearer tokens (RFC 6750), of which only hashes are kept.
//!
//! A token is random and long, so a plain hash is as good as a slow one, and nothing that a stranger sends has to be
//! computed with for long.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header::PROXY_AUTHORIZATION};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

/// One user, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's name in metrics; it is not sent.
    pub name: String,
    /// SHA-256 of the token's text.
    pub token_sha256: TokenHash,
}

/// SHA-256 of a token, in YAML as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token's text.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl TryFrom<String> for TokenHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?}: not 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

/// A new token: 32 random bytes as hexadecimal digits.
#[must_use]
pub fn new_token() -> String {
    // The system's generator by way of a ChaCha12 that it seeds.
    rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All users.
#[derive(Clone, Debug)]
pub struct Users(Arc<[User]>);

impl Users {
    /// From the configuration.
    #[must_use]
    pub fn new(users: &[User]) -> Self {
        Self(users.into())
    }

    /// Whose token is in the request. Takes the same time whichever it is and whatever is wrong with it.
    #[must_use]
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<&str> {
        let value = headers.get(PROXY_AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        let hash = digest(&SHA256, token);
        let mut found = None;
        for user in self.0.iter() {
            if bool::from(user.token_sha256.0.ct_eq(hash.as_ref())) {
                found = Some(user.name.as_str());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn authenticate(users: &Users, value: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_bytes(value).ok()?);
        users.authenticate(&headers).map(str::to_owned)
    }

    #[test]
    fn a_token_is_its_users() {
        let token = new_token();
        assert_eq!(token.len(), 64);
        assert_ne!(token, new_token());
        let user = |name: &str, token: &str| User { name: name.into(), token_sha256: TokenHash::of(token) };
        let users = Users::new(&[user("alice", &token), user("bob", "other")]);
        assert_eq!(authenticate(&users, format!("Bearer {token}").as_bytes()).as_deref(), Some("alice"));
        assert_eq!(authenticate(&users, b"bearer other").as_deref(), Some("bob"));
        for wrong in ["Bearer ", "Bearer", "Basic other", "Bearer other ", "other"] {
            assert_eq!(authenticate(&users, wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(users.authenticate(&HeaderMap::new()), None);
        let text = TokenHash::of("other").to_string();
        assert_eq!(TokenHash::try_from(text), Ok(TokenHash::of("other")));
    }

    proptest! {
        #[test]
        fn no_header_panics_or_lets_in(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let users = Users::new(&[User { name: "alice".into(), token_sha256: TokenHash::of(&new_token()) }]);
            prop_assert_eq!(authenticate(&users, &value), None);
        }

        #[test]
        fn no_hash_panics(text in "\\PC{0,80}|[0-9a-f]{60,68}") {
            let _ = TokenHash::try_from(text);
        }
    }
}
