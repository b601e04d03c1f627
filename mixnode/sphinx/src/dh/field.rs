//! Numbers modulo 2^255 − 19, eight side by side: five limbs of 52 bits, each limb of all eight numbers in one vector.
//!
//! A multiplication of limbs gives the low or the high 52 bits of the product of the low 52 bits of both factors, as `vpmadd52luq` and
//! `vpmadd52huq` do: a high half belongs to the next column, and a factor need not be masked, whatever it has above its 52 bits has gone to
//! the next limb before. The fifth limb is 2^208 and has 47 bits, since 2^255 counts 19; 2^260 counts 608.
//! What counts is the number of vector instructions: two a cycle at most, whatever their latency.

use super::LANES;
use super::lanes::Lanes;

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
    pub(super) fn splat(value: u64) -> Self {
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
        let a = a.add_short(e.shift_right::<47>(), L::splat(19));
        let b = b.add(a.shift_right::<52>());
        let c = c.add(b.shift_right::<52>());
        let d = d.add(c.shift_right::<52>());
        let e = e.and(L::splat(TOP_MASK)).add(d.shift_right::<52>());
        Field([a, b, c, d, e])
    }

    /// The sum without a carry: its limbs may be as large as both together.
    #[inline(always)]
    pub(super) fn plus(mut self, other: Self) -> Self {
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            *limb = limb.add(other);
        }
        self
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Field<L> {
        self.plus(other).carry()
    }

    /// self − other, of which the first has been raised once more than the second.
    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Field<L> {
        let mut difference = self.0;
        for (limb, other) in difference.iter_mut().zip(other.0) {
            *limb = limb.sub(other);
        }
        Self(difference).carry()
    }

    #[inline(always)]
    pub(super) fn select(self, other: Self, mask: L) -> Self {
        Self(select(self.0, other.0, mask))
    }

    /// self + other × factor, which is below 2^17.
    #[inline(always)]
    pub(super) fn add_small(self, other: Field<L>, factor: u64) -> Field<L> {
        let (mut sum, factor) = (self.0, L::splat(factor));
        let above = L::splat(0).add_high(other.0[4], factor);
        sum[0] = sum[0].add_short(above, L::splat(608));
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
    pub(super) fn select(self, other: Self, mask: L) -> Self {
        Self(select(self.0, other.0, mask))
    }

    /// What counts of each limb.
    #[inline(always)]
    pub(super) fn limbs(self) -> [[u64; LANES]; 5] {
        let [a, b, c, d, e] = self.0;
        let [a, b, c, d] = [a, b, c, d].map(|limb| limb.and(L::splat(MASK)));
        [a, b, c, d, e].map(L::store)
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
fn select<L: Lanes>(mut limbs: [L; 5], others: [L; 5], mask: L) -> [L; 5] {
    for (limb, other) in limbs.iter_mut().zip(others) {
        *limb = limb.select(other, mask);
    }
    limbs
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
