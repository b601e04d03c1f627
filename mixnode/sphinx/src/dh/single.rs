//! One pair at a time.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};

use super::Pair;

/// The product; zero if it is zero, which the library refuses.
pub(super) fn multiply(pair: &Pair) -> [u8; 32] {
    let Ok(secret) = PrivateKey::from_private_key(&X25519, &pair.scalar) else { return [0; 32] };
    let point = UnparsedPublicKey::new(&X25519, &pair.point[..]);
    agree(&secret, point, (), |product| Ok(crate::wire::array(product))).unwrap_or([0; 32])
}
