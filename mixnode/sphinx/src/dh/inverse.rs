//! Inverses modulo 2^255 − 19 of eight numbers for the price of one (Montgomery's trick), in constant time.
//!
//! Of an inversion each of 254 squarings waits for the one before: here latency counts, and a core's plain multiplier has a third of that of the lanes.
//! Five limbs of 51 bits. A limb may have a little more: at most 2^51 + 2^10.

use std::hint::black_box;

use super::LANES;
use crate::wire::array;

const MASK: u64 = (1 << 51) - 1;

#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) [u64; 5]);

impl Number {
    const ONE: Self = Self([1, 0, 0, 0, 0]);

    #[inline(always)]
    pub(super) fn read(bytes: &[u8; 32]) -> Self {
        let word = |at: usize| u64::from_le_bytes(array(&bytes[at..]));
        Self([word(0) & MASK, word(6) >> 3 & MASK, word(12) >> 6 & MASK, word(19) >> 1 & MASK, word(24) >> 12 & MASK])
    }

    /// 1 for zero in its canonical encoding, 0 for all others, without a branch.
    #[inline(always)]
    fn is_zero(self) -> u64 {
        let any = self.0.into_iter().fold(0, |any, limb| any | limb);
        black_box(1 ^ (any | any.wrapping_neg()) >> 63)
    }

    /// An encoding that need not be the canonical one.
    #[inline(always)]
    pub(super) fn write(self) -> [u8; 32] {
        let mut limbs = self.0;
        // What the last limb has above 51 bits may make the first overflow once more, and then it has none above.
        for _ in 0..2 {
            let mut carry = 0;
            for limb in &mut limbs {
                *limb += carry;
                carry = *limb >> 51;
                *limb &= MASK;
            }
            limbs[0] += 19 * carry;
        }
        let [a, b, c, d, e] = limbs;
        let words = [a | b << 51, b >> 13 | c << 38, c >> 26 | d << 25, d >> 39 | e << 12];
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).zip(words).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        bytes
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        let [b0, b1, b2, b3, b4] = other.0;
        // 2^255 counts 19.
        let [c1, c2, c3, c4] = [b1, b2, b3, b4].map(|limb| 19 * limb);
        Self::carry([
            (wide(a0, b0) + wide(a1, c4)) + (wide(a2, c3) + wide(a3, c2)) + wide(a4, c1),
            (wide(a0, b1) + wide(a1, b0)) + (wide(a2, c4) + wide(a3, c3)) + wide(a4, c2),
            (wide(a0, b2) + wide(a1, b1)) + (wide(a2, b0) + wide(a3, c4)) + wide(a4, c3),
            (wide(a0, b3) + wide(a1, b2)) + (wide(a2, b1) + wide(a3, b0)) + wide(a4, c4),
            (wide(a0, b4) + wide(a1, b3)) + (wide(a2, b2) + wide(a3, b1)) + wide(a4, b0),
        ])
    }

    #[inline(always)]
    pub(super) fn squared(self) -> Self {
        let [a, b, c, d, e] = self.0;
        let [twice_a, twice_b, twice_d] = [2 * a, 2 * b, 2 * d];
        let [d19, e19] = [19 * d, 19 * e];
        Self::carry([
            wide(a, a) + (wide(twice_b, e19) + wide(2 * c, d19)),
            wide(twice_a, b) + (wide(2 * c, e19) + wide(d, d19)),
            wide(twice_a, c) + (wide(b, b) + wide(twice_d, e19)),
            wide(twice_a, d) + (wide(twice_b, c) + wide(e, e19)),
            wide(twice_a, e) + (wide(twice_b, d) + wide(c, c)),
        ])
    }

    /// All limbs hand on at once what they have above 51 bits, up to 2^58 of it, and then once more: a chain would take longer.
    #[inline(always)]
    fn carry(columns: [u128; 5]) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the lower bits are meant, or there are no others")]
        let ([a, b, c, d, e], above) =
            (columns.map(|column| column as u64 & MASK), columns.map(|column| (column >> 51) as u64));
        let limbs = [a + 19 * above[4], b + above[0], c + above[1], d + above[2], e + above[3]];
        let ([a, b, c, d, e], above) = (limbs.map(|limb| limb & MASK), limbs.map(|limb| limb >> 51));
        Self([a + 19 * above[4], b + above[0], c + above[1], d + above[2], e + above[3]])
    }

    #[inline(always)]
    fn squared_times(mut self, times: usize) -> Self {
        for _ in 0..times {
            self = self.squared();
        }
        self
    }

    /// 1/x = x^(p − 2).
    #[inline(always)]
    fn inverse(self) -> Self {
        let x2 = self.squared();
        let x9 = x2.squared_times(2).times(self);
        let x11 = x9.times(x2);
        let x5_0 = x11.squared().times(x9);
        let x10_0 = x5_0.squared_times(5).times(x5_0);
        let x20_0 = x10_0.squared_times(10).times(x10_0);
        let x40_0 = x20_0.squared_times(20).times(x20_0);
        let x50_0 = x40_0.squared_times(10).times(x10_0);
        let x100_0 = x50_0.squared_times(50).times(x50_0);
        let x200_0 = x100_0.squared_times(100).times(x100_0);
        let x250_0 = x200_0.squared_times(50).times(x50_0);
        x250_0.squared_times(5).times(x11)
    }
}

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

/// The inverses of numbers in their canonical encoding, zero for zero.
#[inline(always)]
pub(super) fn inverses(numbers: &[[u8; 32]; LANES]) -> [[u8; 32]; LANES] {
    // A zero would make all products zero: one takes its place.
    let mut factors = numbers.each_ref().map(Number::read);
    let zeros = factors.map(Number::is_zero);
    factors.iter_mut().zip(zeros).for_each(|(factor, zero)| factor.0[0] |= zero);
    let mut products = [Number::ONE; LANES];
    let mut all = Number::ONE;
    for (product, factor) in products.iter_mut().zip(factors) {
        *product = all;
        all = all.times(factor);
    }
    let mut rest = all.inverse();
    let mut inverses = [[0; 32]; LANES];
    for at in (0..LANES).rev() {
        let mut inverse = rest.times(products[at]);
        rest = rest.times(factors[at]);
        // All bits of what was no zero, none of what was.
        let mask = zeros[at].wrapping_sub(1);
        inverse.0.iter_mut().for_each(|limb| *limb &= mask);
        inverses[at] = inverse.write();
    }
    inverses
}
