//! The Montgomery ladder (RFC 7748 §5) for eight pairs side by side: five limbs of 51 bits, each limb of all eight numbers in one vector.
//!
//! A multiplication of limbs gives the low and the high 52 bits of the product, as `vpmadd52luq` and `vpmadd52huq` do. A high half counts
//! 2^52, which is twice the next limb's unit. High halves are summed first, the sum is doubled, and low halves are added onto it.
//! What counts is the number of vector instructions: two a cycle at most, whatever their latency.

use super::{LANES, Pair};

/// Eight numbers of 64 bits, and what the ladder does with them. The limbs that are multiplied must be below 2^52.
pub(super) trait Lanes: Copy {
    fn load(values: &[u64; LANES]) -> Self;
    fn store(self) -> [u64; LANES];
    fn splat(value: u64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// The bits of `other` where those of the mask are ones, own ones elsewhere.
    fn select(self, other: Self, mask: Self) -> Self;
    fn shift_left<const BITS: u32>(self) -> Self;
    fn shift_right<const BITS: u32>(self) -> Self;
    /// self + the low 52 bits of a × b
    fn add_low(self, a: Self, b: Self) -> Self;
    /// self + the bits of a × b above 52
    fn add_high(self, a: Self, b: Self) -> Self;
}

const MASK: u64 = (1 << 51) - 1;
/// 2^255 − 19, limb by limb, times 2: added before a subtraction of what is carried, so that no limb is negative.
const TWICE_P: [u64; 5] = [2 * (MASK - 18), 2 * MASK, 2 * MASK, 2 * MASK, 2 * MASK];
/// The same for what is not carried.
const MANY_P: [u64; 5] = [(MASK - 18) << 10, MASK << 10, MASK << 10, MASK << 10, MASK << 10];

/// Eight numbers modulo 2^255 − 19 that can be multiplied: carried, with limbs of at most 2^51 + 2^16.
#[derive(Clone, Copy)]
pub(super) struct Field<L>(pub(super) [L; 5]);

/// What a multiplication gives, with limbs below 2^60: a sum or difference of two needs a carry anyway, so neither has had one.
#[derive(Clone, Copy)]
pub(super) struct Wide<L>(pub(super) [L; 5]);

impl<L: Lanes> Wide<L> {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        Self(Field::splat(value).0)
    }

    /// What a limb has above 51 bits goes to the next, all at once, and no further. Limbs are below 2^62.
    #[inline(always)]
    pub(super) fn carry(self) -> Field<L> {
        let (mask, limbs) = (L::splat(MASK), self.0);
        let above = limbs.map(|limb| limb.shift_right::<51>());
        let [a, b, c, d, e] = limbs.map(|limb| limb.and(mask));
        Field([a.add_low(above[4], L::splat(19)), b.add(above[0]), c.add(above[1]), d.add(above[2]), e.add(above[3])])
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Field<L> {
        let mut sum = self.0;
        for (limb, other) in sum.iter_mut().zip(other.0) {
            *limb = limb.add(other);
        }
        Self(sum).carry()
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Field<L> {
        self.minus(other, MANY_P)
    }

    #[inline(always)]
    fn minus(self, other: Self, multiple_of_p: [u64; 5]) -> Field<L> {
        let mut difference = self.0;
        for ((limb, other), p) in difference.iter_mut().zip(other.0).zip(multiple_of_p) {
            *limb = limb.add(L::splat(p)).sub(other);
        }
        Self(difference).carry()
    }
}

impl<L: Lanes> Field<L> {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        let zero = L::splat(0);
        Self([L::splat(value), zero, zero, zero, zero])
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        Wide(self.0).minus(Wide(other.0), TWICE_P)
    }

    #[inline(always)]
    pub(super) fn mul(self, other: Self) -> Wide<L> {
        let mut columns = [L::splat(0); 10];
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in other.0.into_iter().enumerate() {
                columns[i + j + 1] = columns[i + j + 1].add_high(a, b);
            }
        }
        double(&mut columns);
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in other.0.into_iter().enumerate() {
                columns[i + j] = columns[i + j].add_low(a, b);
            }
        }
        Self::reduce(&columns)
    }

    /// The same with itself: products of different limbs are there twice.
    #[inline(always)]
    pub(super) fn square(self) -> Wide<L> {
        let mut columns = [L::splat(0); 10];
        let limbs = self.0;
        for i in 0..5 {
            for j in i + 1..5 {
                columns[i + j + 1] = columns[i + j + 1].add_high(limbs[i], limbs[j]);
            }
        }
        double(&mut columns);
        for i in 0..5 {
            for j in i + 1..5 {
                columns[i + j] = columns[i + j].add_low(limbs[i], limbs[j]);
            }
            columns[2 * i + 1] = columns[2 * i + 1].add_high(limbs[i], limbs[i]);
        }
        double(&mut columns);
        for i in 0..5 {
            columns[2 * i] = columns[2 * i].add_low(limbs[i], limbs[i]);
        }
        Self::reduce(&columns)
    }

    /// Of ten columns below 2^55: 2^255 counts 19.
    #[inline(always)]
    fn reduce(columns: &[L; 10]) -> Wide<L> {
        let mut sum = [columns[0]; 5];
        for (i, sum) in sum.iter_mut().enumerate() {
            *sum = columns[i].add(times_19(columns[i + 5]));
        }
        Wide(sum)
    }

    /// self + other × factor, which is below 2^17.
    #[inline(always)]
    pub(super) fn add_small(self, other: Self, factor: u64) -> Self {
        let factor = L::splat(factor);
        let [a, b, c, d, e] = other.0.map(|limb| L::splat(0).add_high(limb, factor).shift_left::<1>());
        let mut sum = self.0;
        for ((sum, limb), high) in sum.iter_mut().zip(other.0).zip([times_19(e), a, b, c, d]) {
            *sum = sum.add(high).add_low(limb, factor);
        }
        Wide(sum).carry()
    }

    #[inline(always)]
    fn select(self, other: Self, mask: L) -> Self {
        let mut chosen = self.0;
        for (limb, other) in chosen.iter_mut().zip(other.0) {
            *limb = limb.select(other, mask);
        }
        Self(chosen)
    }

    #[inline(always)]
    fn squares(mut self, times: usize) -> Self {
        // A closure would be compiled without the CPU's features, and each instruction in it become a call.
        for _ in 0..times {
            self = self.square().carry();
        }
        self
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.mul(other).carry()
    }

    /// 1/x = x^(p − 2); zero for zero.
    #[inline(always)]
    fn invert(self) -> Self {
        let x2 = self.squares(1);
        let x9 = x2.squares(2).times(self);
        let x11 = x9.times(x2);
        let x5_0 = x11.squares(1).times(x9);
        let x10_0 = x5_0.squares(5).times(x5_0);
        let x20_0 = x10_0.squares(10).times(x10_0);
        let x40_0 = x20_0.squares(20).times(x20_0);
        let x50_0 = x40_0.squares(10).times(x10_0);
        let x100_0 = x50_0.squares(50).times(x50_0);
        let x200_0 = x100_0.squares(100).times(x100_0);
        let x250_0 = x200_0.squares(50).times(x50_0);
        x250_0.squares(5).times(x11)
    }

    #[inline(always)]
    fn load(points: [&[u8; 32]; LANES]) -> Self {
        let mut limbs = [[0; LANES]; 5];
        for (lane, point) in points.into_iter().enumerate() {
            let word = |at: usize| u64::from_le_bytes(crate::wire::array(&point[at..]));
            // 51 bits from bit 0, 51, 102, 153, 204 on; bit 255 does not count (RFC 7748 §5).
            limbs[0][lane] = word(0) & MASK;
            limbs[1][lane] = word(6) >> 3 & MASK;
            limbs[2][lane] = word(12) >> 6 & MASK;
            limbs[3][lane] = word(19) >> 1 & MASK;
            limbs[4][lane] = word(24) >> 12 & MASK;
        }
        Self(limbs.map(|limb| L::load(&limb)))
    }

    #[inline(always)]
    pub(super) fn store(self) -> [[u8; 32]; LANES] {
        let limbs = self.0.map(L::store);
        let mut points = [[0; 32]; LANES];
        for (lane, point) in points.iter_mut().enumerate() {
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|limb: usize| limbs[limb][lane]);
            encode([a, b, c, d, e], point);
        }
        points
    }
}

#[inline(always)]
fn double<L: Lanes>(columns: &mut [L; 10]) {
    for column in columns {
        *column = column.shift_left::<1>();
    }
}

#[inline(always)]
fn times_19<L: Lanes>(x: L) -> L {
    x.shift_left::<4>().add(x.shift_left::<1>()).add(x)
}

/// The canonical encoding of a number below 2 p, whose limbs may have more than 51 bits.
fn encode(mut limbs: [u64; 5], to: &mut [u8; 32]) {
    // If the number and 19 reach 2^255 it is at least p: then 19 is added for good, and bit 255 dropped.
    let mut carry = 19;
    for limb in limbs {
        carry = (limb + carry) >> 51;
    }
    let mut carry = 19 * carry;
    for limb in &mut limbs {
        *limb += carry;
        carry = *limb >> 51;
        *limb &= MASK;
    }
    let [a, b, c, d, e] = limbs;
    let words = [a | b << 51, b >> 13 | c << 38, c >> 26 | d << 25, d >> 39 | e << 12];
    for (to, word) in to.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// The products of eight pairs, in constant time. Scalars are taken as they are; bit 255 does not count.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    let x1 = Field::<L>::load(pairs.each_ref().map(|pair| &pair.point));
    let (mut x2, mut z2) = (Wide::splat(1), Wide::splat(0));
    let (mut x3, mut z3) = (Wide(x1.0), Wide::splat(1));
    let mut before = [0; LANES];
    for bit in (0..255).rev() {
        let bits = pairs.each_ref().map(|pair| u64::from(pair.scalar[bit / 8] >> (bit % 8) & 1));
        let mut masks = [0; LANES];
        for ((mask, bit), before) in masks.iter_mut().zip(bits).zip(before) {
            *mask = (bit ^ before).wrapping_neg();
        }
        let mask = L::load(&masks);
        before = bits;
        let (a, b) = (x2.add(z2), x2.sub(z2));
        let (c, d) = (x3.add(z3), x3.sub(z3));
        // Where the bit changes, the other point is doubled. For their sum it makes no difference which is which: only the sign of
        // da − cb, which is squared.
        let (da, cb) = (d.mul(a), c.mul(b));
        let (aa, bb) = (a.select(c, mask).square().carry(), b.select(d, mask).square().carry());
        let e = aa.sub(bb);
        x3 = da.add(cb).square();
        z3 = x1.mul(da.sub(cb).square().carry());
        x2 = aa.mul(bb);
        z2 = e.mul(aa.add_small(e, 121_665));
    }
    let mask = L::load(&before.map(u64::wrapping_neg));
    let (x, z) = (x2.carry().select(x3.carry(), mask), z2.carry().select(z3.carry(), mask));
    x.times(z.invert()).store()
}
