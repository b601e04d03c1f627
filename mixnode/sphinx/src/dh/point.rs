//! Points of edwards25519 (RFC 8032 §5.1), eight side by side, in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. The formulas are those of Hisil, Wong,
//! Carter and Dawson ("Twisted Edwards Curves Revisited", 2008, §3), complete for all points of the curve.

use super::LANES;
use super::field::{Field, Wide};
use super::inverse::inverses;
use super::lanes::Lanes;

/// 2 d, where d = −121665/121666.
const TWICE_D: [u8; 32] = [
    0x59, 0xf1, 0xb2, 0x26, 0x94, 0x9b, 0xd6, 0xeb, 0x56, 0xb1, 0x83, 0x82, 0x9a, 0x14, 0xe0, 0x00, 0x30, 0xd1, 0xf3,
    0xee, 0xf2, 0x80, 0x8e, 0x19, 0xe7, 0xfc, 0xdf, 0x56, 0xdc, 0xd9, 0x06, 0x24,
];

/// The base point.
const BASE_X: [u8; 32] = [
    0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69, 0x5c, 0xdc, 0xd6,
    0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
];
const BASE_Y: [u8; 32] = {
    let mut y = [0x66; 32];
    y[0] = 0x58;
    y
};

/// Y and Z are raised.
#[derive(Clone, Copy)]
pub(super) struct Point<L> {
    pub(super) x: Wide<L>,
    pub(super) y: Wide<L>,
    pub(super) z: Wide<L>,
    pub(super) t: Wide<L>,
}

/// A point to be added, whose Z is one.
#[derive(Clone, Copy)]
pub(super) struct Addend<L> {
    /// y + x
    pub(super) sum: Field<L>,
    /// y − x
    pub(super) difference: Field<L>,
    /// 2 d x y
    pub(super) product: Field<L>,
}

impl<L: Lanes> Point<L> {
    /// The neutral element.
    #[inline(always)]
    pub(super) fn neutral() -> Self {
        let (zero, one) = (Wide::splat(0), Wide::splat(1).raised());
        Self { x: zero, y: one, z: one, t: zero }
    }

    /// In all lanes the point with this y whose sum with the base point has that y: what is known of a point whose x its library does not tell.
    #[inline(always)]
    pub(super) fn recover(y: &[u8; 32], with_base: &[u8; 32]) -> Self {
        // The law of addition (RFC 8032 §5.1.4) for y, solved for x: (1 + d y₁ y₂ y₃) x₁ x₂ = y₃ − y₁ y₂. The left side's factors are never zero: −1 is a square,
        // and d none.
        let (y, with_base) = (all::<L>(y), all::<L>(with_base));
        let yy = y.mul(all(&BASE_Y));
        let yyy = yy.carry().mul(with_base).carry();
        let divisor = Wide::splat(2).plus(yyy.mul(all(&TWICE_D))).carry().mul(all(&BASE_X)).carry();
        let inverse = Field::load(inverses(&divisor.store()).each_ref());
        let (raised, y) = (Wide(with_base.0).raised(), Wide(y.0).raised());
        // Both sides twice, as the constant is.
        let x = raised.plus(raised).sub(yy.plus(yy)).mul(inverse);
        Self { x, y, z: Wide::splat(1).raised(), t: x.carry().mul(y.carry()) }
    }

    #[inline(always)]
    pub(super) fn double(self) -> Self {
        let (x, y, z) = (self.x.carry(), self.y.carry(), self.z.carry());
        let (xx, yy, zz) = (x.square(), y.square_raised(), z.square_raised());
        let xy = x.mul(y);
        // The signs of h and f are the opposite of the paper's, and so are those of all four coordinates: the point is the same.
        let (e, h) = (xy.add(xy), yy.add(xx));
        let (g, f) = (yy.sub(xx), zz.plus(zz).plus(xx).sub(yy));
        Self::product(e, f, g, h)
    }

    /// self + other; self − other where the mask has ones.
    #[inline(always)]
    pub(super) fn add(self, other: &Addend<L>, negative: L) -> Self {
        // −(x, y) is (−x, y): sum and difference change places, and the product its sign, which f and g differ by.
        let sum = other.sum.select(other.difference, negative);
        let difference = other.difference.select(other.sum, negative);
        let a = self.y.sub(self.x).mul(difference);
        let b = self.y.add(self.x).mul_raised(sum);
        let c = self.t.carry().mul(other.product);
        let d = self.z.plus(self.z);
        let (f, g) = (d.sub(c), d.add(c));
        Self::product(b.sub(a), f.select(g, negative), g.select(f, negative), b.add(a))
    }

    /// self + other.
    #[inline(always)]
    pub(super) fn add_point(self, other: Self) -> Self {
        let a = self.y.sub(self.x).mul(other.y.sub(other.x));
        let b = self.y.add(self.x).mul_raised(other.y.add(other.x));
        let c = self.t.carry().mul(other.t.carry()).carry().mul(all(&TWICE_D));
        let zz = self.z.carry().mul_raised(other.z.carry());
        let d = zz.plus(zz);
        Self::product(b.sub(a), d.sub(c), d.add(c), b.add(a))
    }

    #[inline(always)]
    fn product(e: Field<L>, f: Field<L>, g: Field<L>, h: Field<L>) -> Self {
        Self { x: e.mul(f), y: g.mul_raised(h), z: f.mul_raised(g), t: e.mul(h) }
    }

    #[inline(always)]
    pub(super) fn select(self, other: Self, mask: L) -> Self {
        Self {
            x: self.x.select(other.x, mask),
            y: self.y.select(other.y, mask),
            z: self.z.select(other.z, mask),
            t: self.t.select(other.t, mask),
        }
    }

    /// Divided by Z.
    #[inline(always)]
    pub(super) fn addend(self) -> Addend<L> {
        let inverse = Field::load(inverses(&self.z.carry().store()).each_ref());
        let (x, y) = (self.x.carry().mul(inverse), self.y.carry().mul_raised(inverse));
        let product = x.carry().mul(y.carry()).carry().mul(all(&TWICE_D)).carry();
        Addend { sum: y.add(x), difference: y.sub(x), product }
    }

    /// The u-coordinate of the point of Curve25519 that it is (RFC 7748 §4.1): (1 + y)/(1 − y), and 0 for the neutral element.
    #[inline(always)]
    pub(super) fn montgomery(self) -> [[u8; 32]; LANES] {
        let inverse = Field::load(inverses(&self.z.raised().sub(self.y).store()).each_ref());
        self.z.add(self.y).mul(inverse).carry().store()
    }
}

#[inline(always)]
fn all<L: Lanes>(number: &[u8; 32]) -> Field<L> {
    Field::load([number; LANES])
}
