//! A client's own key.

use std::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// An X25519 key pair (RFC 7748 §5): what a client seals and opens payloads with.
#[derive(Clone)]
pub struct Identity {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Identity {
    /// Draws one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self::from_bytes(&bytes)
    }

    /// From 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self { secret: Zeroizing::new(*bytes), public: MontgomeryPoint::mul_base_clamped(*bytes).to_bytes() }
    }

    /// The 32 bytes, to be kept secret.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// What others know of it: the key in the client's [`crate::Address`].
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}
