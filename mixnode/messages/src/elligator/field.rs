//! Numbers modulo p = 2^255 − 19, in constant time: the arithmetic is fiat-crypto's, generated with a proof (Erbsen et al., 2019).

use fiat_crypto::curve25519_64::{
    fiat_25519_add as add, fiat_25519_carry as carry, fiat_25519_carry_mul as carry_mul,
    fiat_25519_carry_square as carry_square, fiat_25519_from_bytes as from_bytes,
    fiat_25519_loose_field_element as Loose, fiat_25519_opp as opp, fiat_25519_relax as relax,
    fiat_25519_selectznz as selectznz, fiat_25519_sub as sub, fiat_25519_tight_field_element as Tight,
    fiat_25519_to_bytes as to_bytes,
};
use std::ops::{Add, Mul, Neg, Sub};
use subtle::{Choice, ConstantTimeEq};

/// A number, reduced.
#[derive(Clone, Copy)]
pub(super) struct Field(Tight);

const ZERO: Tight = Tight([0; 5]);

impl Field {
    pub(super) const ONE: Self = Self::small(1);
    /// 2^((p − 1) / 4)
    pub(super) const ROOT_OF_MINUS_ONE: Self =
        Self(Tight([0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d]));

    /// A number below 2^51.
    pub(super) const fn small(number: u64) -> Self {
        Self(Tight([number, 0, 0, 0, 0]))
    }

    /// From 255 bits, little endian; the highest bit is ignored.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut bytes = *bytes;
        bytes[31] &= 0x7f;
        let mut out = ZERO;
        from_bytes(&mut out, &bytes);
        Self(out)
    }

    /// The canonical encoding.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        to_bytes(&mut bytes, &self.0);
        bytes
    }

    /// `a` if the choice is 0, else `b`.
    pub(super) fn select(a: &Self, b: &Self, choice: Choice) -> Self {
        let mut out = ZERO;
        selectznz(&mut out.0, choice.unwrap_u8(), &a.0.0, &b.0.0);
        Self(out)
    }

    /// Of a number and its negative, the one that is at most (p − 1) / 2.
    pub(super) fn absolute(self) -> Self {
        // Twice a number above that is reduced once, by the odd p.
        let large = Choice::from((self + self).to_bytes()[0] & 1);
        Self::select(&self, &-self, large)
    }

    pub(super) fn square(self) -> Self {
        let mut out = ZERO;
        carry_square(&mut out, &self.loose());
        Self(out)
    }

    /// Its inverse; of 0, 0.
    pub(super) fn invert(self) -> Self {
        // p − 2 = 8 (2^252 − 3) + 3
        self.power_252().squares(3) * self.square() * self
    }

    /// Whether n / d is a square, and a root of it if it is. 0 is a square; n / 0 is none.
    pub(super) fn root_of_ratio(n: Self, d: Self) -> (Choice, Self) {
        // RFC 9496 §4.2: a candidate is n d^3 (n d^7)^((p − 5) / 8).
        let cube = d.square() * d;
        let root = n * cube * (n * cube.square() * d).power_252();
        let check = d * root.square();
        let other = root * Self::ROOT_OF_MINUS_ONE;
        let (is_root, is_other) = (check.ct_eq(&n), check.ct_eq(&-n));
        (is_root | is_other, Self::select(&other, &root, is_root))
    }

    /// To the power of (p − 5) / 8 = 2^252 − 3.
    fn power_252(self) -> Self {
        let two = self.square();
        let nine = two.squares(2) * self;
        let eleven = nine * two;
        let p5 = eleven.square() * nine; // 2^5 − 1
        let p10 = p5.squares(5) * p5;
        let p20 = p10.squares(10) * p10;
        let p40 = p20.squares(20) * p20;
        let p50 = p40.squares(10) * p10;
        let p100 = p50.squares(50) * p50;
        let p200 = p100.squares(100) * p100;
        let p250 = p200.squares(50) * p50;
        p250.squares(2) * self
    }

    fn squares(self, times: u32) -> Self {
        (0..times).fold(self, |number, _| number.square())
    }

    fn loose(&self) -> Loose {
        let mut out = Loose([0; 5]);
        relax(&mut out, &self.0);
        out
    }

    fn carried(loose: &Loose) -> Self {
        let mut out = ZERO;
        carry(&mut out, loose);
        Self(out)
    }
}

impl ConstantTimeEq for Field {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.to_bytes().ct_eq(&other.to_bytes())
    }
}

impl Add for Field {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let mut out = Loose([0; 5]);
        add(&mut out, &self.0, &other.0);
        Self::carried(&out)
    }
}

impl Sub for Field {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        let mut out = Loose([0; 5]);
        sub(&mut out, &self.0, &other.0);
        Self::carried(&out)
    }
}

impl Neg for Field {
    type Output = Self;
    fn neg(self) -> Self {
        let mut out = Loose([0; 5]);
        opp(&mut out, &self.0);
        Self::carried(&out)
    }
}

impl Mul for Field {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let mut out = ZERO;
        carry_mul(&mut out, &self.loose(), &other.loose());
        Self(out)
    }
}
