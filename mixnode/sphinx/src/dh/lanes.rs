//! What is done with eight numbers of 64 bits side by side.

use super::LANES;

/// Eight numbers of 64 bits.
pub(super) trait Lanes: Copy {
    fn load(values: &[u64; LANES]) -> Self;
    fn store(self) -> [u64; LANES];
    fn splat(value: u64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// The bits of `other` where those of the mask are ones, own ones elsewhere.
    fn select(self, other: Self, mask: Self) -> Self;
    /// The numbers of `other` where a and b are equal, own ones elsewhere.
    fn replace(self, other: Self, a: Self, b: Self) -> Self;
    /// Number i of j becomes number j of i.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
    /// Ones or zeros only, as the highest bit is.
    fn highest(self) -> Self;
    /// All bits one place up, without the highest.
    fn shift_left_once(self) -> Self;
    fn shift_right<const BITS: u32>(self) -> Self;
    /// self + the low 52 bits of a × b, of whose low 52 bits each
    fn add_low(self, a: Self, b: Self) -> Self;
    /// self + a × b, which are below 2^32, and their product below 2^52
    fn add_short(self, a: Self, b: Self) -> Self;
    /// self + the bits of a × b above 52, of whose low 52 bits each
    fn add_high(self, a: Self, b: Self) -> Self;
}
