//! The Montgomery ladder (RFC 7748 §5) for eight pairs side by side.

use zeroize::Zeroize as _;

use super::field::{Field, Wide};
use super::inverse::inverses;
use super::lanes::Lanes;
use super::{LANES, Pair};

/// Where the ladder's two points change places, from the highest bit on: where a bit differs from the one above it.
/// Word by word, the most significant first. The lowest bit of a clamped scalar is 0, so they do not end exchanged.
fn exchanges(scalar: &[u8; 32]) -> [u64; 4] {
    let word = |at: usize| u64::from_le_bytes(crate::wire::array(&scalar[8 * at..]));
    // Bit 255 does not count.
    let words = [word(3) & !(1 << 63), word(2), word(1), word(0)];
    let mut above = 0;
    words.map(|word| {
        let exchanges = word ^ (word >> 1 | above << 63);
        above = word & 1;
        exchanges
    })
}

/// The products of eight pairs, whose scalars are clamped, in constant time.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    let x1 = Field::<L>::load(pairs.each_ref().map(|pair| &pair.point));
    let mut exchanges = pairs.each_ref().map(|pair| exchanges(&pair.scalar));
    let (mut x2, mut z2) = (Wide::splat(1).raised(), Wide::splat(0));
    let (mut x3, mut z3) = (Wide(x1.0).raised(), Wide::splat(1));
    for (word, skipped) in [1, 0, 0, 0].into_iter().enumerate() {
        // The next bit is always the highest; of the first word, bit 255 is none.
        let mut bits = L::load(&exchanges.map(|words| words[word] << skipped));
        for _ in skipped..64 {
            let mask = bits.highest();
            bits = bits.shift_left_once();
            let (a, b) = (x2.add(z2), x2.sub(z2));
            let (c, d) = (x3.add(z3), x3.sub(z3));
            // Where the bit changes, the other point is doubled. For their sum it makes no difference which is which: only the sign of
            // da − cb, which is squared.
            let (da, cb) = (d.mul_raised(a), c.mul(b));
            let (aa, bb) = (a.select(c, mask).square_raised(), b.select(d, mask).square());
            let e = aa.sub(bb);
            x3 = da.add(cb).square_raised();
            z3 = x1.mul(da.sub(cb).square().carry());
            x2 = aa.carry().mul_raised(bb.carry());
            z2 = e.mul(aa.add_small(e, 121_665));
        }
    }
    exchanges.zeroize();
    let inverse = Field::load(inverses(&z2.carry().store()).each_ref());
    x2.carry().mul(inverse).carry().store()
}
