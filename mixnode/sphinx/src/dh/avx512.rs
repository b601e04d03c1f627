//! The lanes in AVX-512 registers.

mod fma;
mod ifma;
mod vector;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;

pub(crate) use super::table::Table;
use super::{LANES, Pair};
#[cfg(test)]
pub(super) use {fma::Fma, ifma::Ifma, vector::Vector};

/// Is made only on a CPU that can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512 {
    ifma: bool,
}

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("bmi2");
        all.then(|| Self { ifma: is_x86_feature_detected!("avx512ifma") })
    }

    /// That and, on a CPU that has more, what older ones have.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let (best, older) = (Self::detect(), Self::detect().filter(|lanes| lanes.ifma));
        best.into_iter().chain(older.map(|_| Self { ifma: false }))
    }

    pub(crate) fn name(self) -> &'static str {
        if self.ifma { "avx512ifma" } else { "avx512" }
    }

    #[cfg(test)]
    pub(super) fn has_ifma(self) -> bool {
        self.ifma
    }

    /// Pairs whose products take less time together than one after the other.
    pub(crate) fn enough(self) -> usize {
        if self.ifma { 1 } else { 6 }
    }

    /// The same of tables.
    pub(crate) fn enough_tables(self) -> usize {
        if self.ifma { 2 } else { 3 }
    }

    /// The products of all pairs, whose scalars are clamped, in constant time.
    pub(crate) fn multiply(self, pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
        #[allow(unsafe_code)] // SIMD: the call that the features of the CPU decide
        // SAFETY: the CPU has the features of the one that is called.
        unsafe {
            if self.ifma { ifma::multiply(pairs) } else { fma::multiply(pairs) }
        }
    }

    /// Of a point's multiples.
    pub(crate) fn table(self, point: &EdwardsPoint) -> Table {
        let (y, with_base) = (point.compress(), (point + ED25519_BASEPOINT_POINT).compress());
        let (y, with_base) = (y.as_bytes(), with_base.as_bytes());
        #[allow(unsafe_code)] // SIMD: as above
        // SAFETY: as above.
        unsafe {
            if self.ifma { ifma::table(y, with_base) } else { fma::table(y, with_base) }
        }
    }

    /// The u-coordinates of all tables' points times their scalars, in constant time. Scalars are below 2^255.
    pub(crate) fn multiply_tables(self, pairs: &[(&Table, [u8; 32]); LANES]) -> [[u8; 32]; LANES] {
        #[allow(unsafe_code)] // SIMD: as above
        // SAFETY: as above.
        unsafe {
            if self.ifma { ifma::multiply_tables(pairs) } else { fma::multiply_tables(pairs) }
        }
    }
}
