//! Keys of nodes.

use std::fmt;

use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::dh;

/// A node's X25519 secret (RFC 7748 §5).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// A node's X25519 public key (RFC 7748 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// A public key that no node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// 255 bits, less than 2^255 − 19.
    #[error("public key: not the canonical encoding of a number below 2^255 - 19")]
    NotCanonical,
    /// Not on the curve, but on its twist.
    #[error("public key: not on Curve25519")]
    NotOnCurve,
    /// Not of the large prime order, as a multiple of the base point by a clamped secret is.
    #[error("public key: not in the group of prime order")]
    Torsion,
}

impl SecretKey {
    /// Draws one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, to be kept secret.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What others know of it.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(MontgomeryPoint::mul_base_clamped(self.0).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl PublicKey {
    /// Whether a node can have it.
    ///
    /// # Errors
    /// If it is not the canonical encoding of a point of prime order.
    pub fn check(&self) -> Result<(), KeyError> {
        self.point().map(drop)
    }

    fn point(&self) -> Result<EdwardsPoint, KeyError> {
        if !dh::is_canonical(&self.0) {
            return Err(KeyError::NotCanonical);
        }
        // Either sign will do: only the u-coordinate of a multiple counts.
        let point = MontgomeryPoint(self.0).to_edwards(0).ok_or(KeyError::NotOnCurve)?;
        if point.is_small_order() || !point.is_torsion_free() { Err(KeyError::Torsion) } else { Ok(point) }
    }

    /// The u-coordinate, little endian.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for PublicKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A public key with tables of its multiples (30 KB, about a millisecond to make; 32 KB more with AVX-512): for whoever builds many packets for few nodes.
pub struct NodeKey {
    table: Box<EdwardsBasepointTable>,
    /// For eight products at once.
    lanes: Option<dh::Table>,
    public: PublicKey,
}

impl NodeKey {
    /// Makes the table.
    ///
    /// # Errors
    /// If the key is not the canonical encoding of a point of prime order.
    pub fn new(public: PublicKey) -> Result<Self, KeyError> {
        let point = public.point()?;
        let lanes = dh::Avx512::detect().map(|lanes| lanes.table(&point));
        Ok(Self { table: Box::new(EdwardsBasepointTable::create(&point)), lanes, public })
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn lanes(&self) -> Option<&dh::Table> {
        self.lanes.as_ref()
    }

    pub(crate) fn multiply(&self, scalar: &Scalar) -> [u8; 32] {
        (&*self.table * scalar).to_montgomery().to_bytes()
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.public).finish()
    }
}
