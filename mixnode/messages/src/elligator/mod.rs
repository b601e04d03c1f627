//! Elligator 2 (Bernstein, Hamburg, Krasnova and Lange, 2013; the map as in RFC 9380 §6.7.1) on Curve25519: points that look like random bytes.
//!
//! A representative is the one of ±r that is at most (p − 1) / 2 < 2^254, little endian. The two bits above it are random, and ignored.

mod field;
#[cfg(test)]
mod tests;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use rand::CryptoRng;
use subtle::Choice;
use zeroize::Zeroizing;

use field::Field;

/// The curve is v² = u³ + A u² + u.
const A: Field = Field::small(486_662);

/// Draws an X25519 secret until its public key has a representative, which comes second: 32 bytes that nobody can tell from random ones.
pub(crate) fn ephemeral(rng: &mut impl CryptoRng) -> (Zeroizing<[u8; 32]>, [u8; 32]) {
    let mut secret = Zeroizing::new([0; 32]);
    loop {
        let mut tweak = [0];
        rng.fill_bytes(&mut *secret);
        rng.fill_bytes(&mut tweak);
        // Multiples of the base point are an eighth of all points, and anyone can tell. A point of low order added makes it all of them; whoever
        // multiplies by a clamped secret, as X25519 does, takes it off.
        let low_order = EIGHT_TORSION[usize::from(tweak[0] >> 3 & 7)];
        let point = EdwardsPoint::mul_base_clamped(*secret) + low_order;
        if let Some(representative) = representative(&point, tweak[0]) {
            return (secret, representative);
        }
    }
}

/// What [`map`] turns into the point's u; half of the points have it. Bit 0 of the tweak chooses between the representatives of u, of which there are
/// two; bits 6 and 7 go above it. All eight must be random.
fn representative(point: &EdwardsPoint, tweak: u8) -> Option<[u8; 32]> {
    let u = Field::from_bytes(&point.to_montgomery().to_bytes());
    let other = u + A;
    let choice = Choice::from(tweak & 1);
    // r² = −u / 2(u + A), or −(u + A) / 2u
    let n = Field::select(&-u, &-other, choice);
    let d = Field::select(&other, &u, choice);
    let (exists, root) = Field::root_of_ratio(n, d + d);
    let mut bytes = root.absolute().to_bytes();
    bytes[31] |= tweak & 0xc0;
    bool::from(exists).then_some(bytes)
}

/// The u-coordinate that 32 bytes represent; any do.
pub(crate) fn map(representative: &[u8; 32]) -> [u8; 32] {
    let mut bytes = *representative;
    bytes[31] &= 0x3f;
    map_to_curve(Field::from_bytes(&bytes)).to_bytes()
}

/// RFC 9380 §6.7.1 with Z = 2, without v.
fn map_to_curve(r: Field) -> Field {
    // w = −A / (1 + 2 r²); u is w if w³ + A w² + w is a square, else −w − A. Multiplied by (1 + 2 r²)⁴ it stays one.
    let d = Field::ONE + r.square() + r.square();
    let n = -A;
    let value = n * d * (n.square() + A * n * d + d.square());
    let (is_square, _) = Field::root_of_ratio(value, Field::ONE);
    let w = n * d.invert();
    Field::select(&(-w - A), &w, is_square)
}
