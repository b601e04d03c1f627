//! The Montgomery ladder (RFC 7748 §5) for eight pairs side by side: five limbs of 52 bits, each limb of all eight numbers in one vector.
//!
//! A multiplication of limbs gives the low or the high 52 bits of the product of the low 52 bits of both factors, as `vpmadd52luq` and
//! `vpmadd52huq` do: a high half belongs to the next column, and a factor need not be masked, whatever it has above its 52 bits has gone to
//! the next limb before. The fifth limb is 2^208 and has 47 bits, since 2^255 counts 19; 2^260 counts 608.
//! What counts is the number of vector instructions: two a cycle at most, whatever their latency.

use zeroize::Zeroize as _;

use super::inverse::inverses;
use super::{LANES, Pair};

/// Eight numbers of 64 bits, and what the ladder does with them.
pub(super) trait Lanes: Copy {
    fn load(values: &[u64; LANES]) -> Self;
    fn store(self) -> [u64; LANES];
    fn splat(value: u64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// The bits of `other` where those of the mask are ones, own ones elsewhere.
    fn select(self, other: Self, mask: Self) -> Self;
    /// Ones or zeros only, as the highest bit is.
    fn highest(self) -> Self;
    /// All bits one place up, without the highest.
    fn shift_left_once(self) -> Self;
    fn shift_right<const BITS: u32>(self) -> Self;
    /// self + the low 52 bits of a × b, of whose low 52 bits each
    fn add_low(self, a: Self, b: Self) -> Self;
    /// self + the bits of a × b above 52, of whose low 52 bits each
    fn add_high(self, a: Self, b: Self) -> Self;
}

const MASK: u64 = (1 << 52) - 1;
const TOP_MASK: u64 = (1 << 47) - 1;
/// 2^255 − 19, limb by limb, times 512: what a subtraction starts from, so that no limb is negative.
const MANY_P: [u64; 5] = [(MASK - 18) << 9, MASK << 9, MASK << 9, MASK << 9, TOP_MASK << 9];

/// Eight numbers modulo 2^255 − 19 that can be multiplied. Of the first four limbs the low 52 bits count, whatever is above; the fifth is at
/// most 2^47 + 2^12.
#[derive(Clone, Copy)]
pub(super) struct Field<L>(pub(super) [L; 5]);

/// What a multiplication gives, with limbs below 2^56: a sum or difference of two needs a carry anyway, so neither has had one.
/// One that is to be subtracted from has had a multiple of 2^255 − 19 added: its limbs are below 2^62.
#[derive(Clone, Copy)]
pub(super) struct Wide<L>(pub(super) [L; 5]);

impl<L: Lanes> Wide<L> {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        let zero = L::splat(0);
        Self([L::splat(value), zero, zero, zero, zero])
    }

    /// The same number, to be subtracted from.
    #[inline(always)]
    pub(super) fn raised(mut self) -> Self {
        for (limb, p) in self.0.iter_mut().zip(MANY_P) {
            *limb = limb.add(L::splat(p));
        }
        self
    }

    /// What the fifth limb has above 47 bits goes to the first, then what each has above 52 to the next. Limbs are below 2^63.
    #[inline(always)]
    pub(super) fn carry(self) -> Field<L> {
        let [a, b, c, d, e] = self.0;
        let a = a.add_low(e.shift_right::<47>(), L::splat(19));
        let b = b.add(a.shift_right::<52>());
        let c = c.add(b.shift_right::<52>());
        let d = d.add(c.shift_right::<52>());
        let e = e.and(L::splat(TOP_MASK)).add(d.shift_right::<52>());
        Field([a, b, c, d, e])
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Field<L> {
        let mut sum = self.0;
        for (limb, other) in sum.iter_mut().zip(other.0) {
            *limb = limb.add(other);
        }
        Self(sum).carry()
    }

    /// self − other, of which the first is raised and the second is not.
    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Field<L> {
        let mut difference = self.0;
        for (limb, other) in difference.iter_mut().zip(other.0) {
            *limb = limb.sub(other);
        }
        Self(difference).carry()
    }

    /// self + other × factor, which is below 2^17.
    #[inline(always)]
    pub(super) fn add_small(self, other: Field<L>, factor: u64) -> Field<L> {
        let (mut sum, factor) = (self.0, L::splat(factor));
        let above = L::splat(0).add_high(other.0[4], factor);
        sum[0] = sum[0].add_low(above, L::splat(608));
        for (sum, limb) in sum.iter_mut().zip(other.0) {
            *sum = sum.add_low(limb, factor);
        }
        for (sum, below) in sum[1..].iter_mut().zip(other.0) {
            *sum = sum.add_high(below, factor);
        }
        Self(sum).carry()
    }
}

impl<L: Lanes> Field<L> {
    #[inline(always)]
    pub(super) fn mul(self, other: Self) -> Wide<L> {
        self.mul_onto([0; 5], other)
    }

    /// The same, raised.
    #[inline(always)]
    pub(super) fn mul_raised(self, other: Self) -> Wide<L> {
        self.mul_onto(MANY_P, other)
    }

    #[inline(always)]
    fn mul_onto(self, start: [u64; 5], other: Self) -> Wide<L> {
        let mut columns: [L; 10] = columns(start);
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in other.0.into_iter().enumerate() {
                columns[i + j] = columns[i + j].add_low(a, b);
                columns[i + j + 1] = columns[i + j + 1].add_high(a, b);
            }
        }
        reduce(columns)
    }

    #[inline(always)]
    pub(super) fn square(self) -> Wide<L> {
        self.square_onto([0; 5])
    }

    /// The same, raised.
    #[inline(always)]
    pub(super) fn square_raised(self) -> Wide<L> {
        self.square_onto(MANY_P)
    }

    /// Products of different limbs are there twice.
    #[inline(always)]
    fn square_onto(self, start: [u64; 5]) -> Wide<L> {
        let (mut columns, limbs): ([L; 10], _) = (columns(start.map(|limb| limb / 2)), self.0);
        // The products of the limb that a carry gives last come last.
        for j in 1..5 {
            for i in 0..j {
                columns[i + j] = columns[i + j].add_low(limbs[i], limbs[j]);
                columns[i + j + 1] = columns[i + j + 1].add_high(limbs[i], limbs[j]);
            }
        }
        for (i, limb) in limbs.into_iter().enumerate() {
            columns[2 * i] = columns[2 * i].add(columns[2 * i]).add_low(limb, limb);
            columns[2 * i + 1] = columns[2 * i + 1].add(columns[2 * i + 1]).add_high(limb, limb);
        }
        reduce(columns)
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
    pub(super) fn load(points: [&[u8; 32]; LANES]) -> Self {
        let mut limbs = [[0; LANES]; 5];
        for (lane, point) in points.into_iter().enumerate() {
            let word = |at: usize| u64::from_le_bytes(crate::wire::array(&point[at..]));
            // 52 bits from bit 0, 52, 104 and 156 on, 47 from 208 on; bit 255 does not count (RFC 7748 §5).
            limbs[0][lane] = word(0) & MASK;
            limbs[1][lane] = word(6) >> 4 & MASK;
            limbs[2][lane] = word(13) & MASK;
            limbs[3][lane] = word(19) >> 4 & MASK;
            limbs[4][lane] = word(24) >> 16 & TOP_MASK;
        }
        Self(limbs.map(|limb| L::load(&limb)))
    }

    #[inline(always)]
    pub(super) fn store(self) -> [[u8; 32]; LANES] {
        let limbs = self.0.map(L::store);
        let mut points = [[0; 32]; LANES];
        for (lane, point) in points.iter_mut().enumerate() {
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|limb: usize| limbs[limb][lane] & MASK);
            encode([a, b, c, d, e], point);
        }
        points
    }
}

#[inline(always)]
fn columns<L: Lanes>(start: [u64; 5]) -> [L; 10] {
    let [a, b, c, d, e] = start.map(L::splat);
    let zero = L::splat(0);
    [a, b, c, d, e, zero, zero, zero, zero, zero]
}

/// Of ten columns. The upper five are carried among themselves, and nothing is left to carry from the last: it is the high half of a
/// square of 48 bits. Times 608 they are added to the lower five; for the last that is below 2^52.
#[inline(always)]
fn reduce<L: Lanes>([mut a, mut b, mut c, mut d, mut e, f, g, h, i, j]: [L; 10]) -> Wide<L> {
    let factor = L::splat(608);
    let g = g.add(f.shift_right::<52>());
    let h = h.add(g.shift_right::<52>());
    let i = i.add(h.shift_right::<52>());
    let j = j.add(i.shift_right::<52>());
    a = a.add_low(f, factor);
    b = b.add_low(g, factor).add_high(f, factor);
    c = c.add_low(h, factor).add_high(g, factor);
    d = d.add_low(i, factor).add_high(h, factor);
    e = e.add_low(j, factor).add_high(i, factor);
    Wide([a, b, c, d, e])
}

/// The canonical encoding of a number below 2 p, whose fifth limb may have more than 47 bits.
fn encode(mut limbs: [u64; 5], to: &mut [u8; 32]) {
    // If the number and 19 reach 2^255 it is at least p: then 19 is added for good, and bit 255 dropped.
    let [a, b, c, d, e] = limbs;
    let below = [a, b, c, d].into_iter().fold(19, |carry, limb| (limb + carry) >> 52);
    let mut carry = 19 * ((e + below) >> 47);
    for limb in &mut limbs {
        *limb += carry;
        carry = *limb >> 52;
        *limb &= MASK;
    }
    let [a, b, c, d, e] = limbs;
    let words = [a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | (e & TOP_MASK) << 16];
    for (to, word) in to.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// Where the ladder's two points change places, from the highest bit on: where a bit differs from the one above it.
/// Word by word, the most significant first; the last bit of all says whether they end exchanged.
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

/// The products of eight pairs, in constant time. Scalars are taken as they are; bit 255 does not count.
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
    let mask = L::load(&pairs.each_ref().map(|pair| u64::from(pair.scalar[0] & 1).wrapping_neg()));
    let (x, z) = (x2.carry().select(x3.carry(), mask), z2.carry().select(z3.carry(), mask));
    x.mul(Field::load(inverses(&z.store()).each_ref())).carry().store()
}
