//! One pair at a time.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};

use super::Pair;

/// A scalar as the library wants it. Making one costs about as much as half a product: the library computes the public key too.
#[derive(Debug)]
pub(super) struct Secret(Option<PrivateKey>);

impl Secret {
    pub(super) fn new(scalar: &[u8; 32]) -> Self {
        Self(PrivateKey::from_private_key(&X25519, scalar).ok())
    }

    /// The product; zero if it is zero, which the library refuses.
    pub(super) fn multiply(&self, point: &[u8; 32]) -> [u8; 32] {
        let Some(secret) = &self.0 else { return [0; 32] };
        let point = UnparsedPublicKey::new(&X25519, point);
        agree(secret, point, (), |product| Ok(crate::wire::array(product))).unwrap_or([0; 32])
    }
}

/// The product of a pair.
pub(super) fn multiply(pair: &Pair) -> [u8; 32] {
    Secret::new(&pair.scalar).multiply(&pair.point)
}
