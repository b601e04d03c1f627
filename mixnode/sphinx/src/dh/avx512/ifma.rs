//! Limbs are multiplied by the instructions that are there for it.

use std::arch::x86_64::{__m512i, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64};

use super::vector::{Multiplier, Vector};
use crate::dh::table::Table;
use crate::dh::{LANES, Pair, ladder, table};

/// AVX-512 IFMA.
#[derive(Clone, Copy)]
pub(in crate::dh) struct Ifma;

#[allow(unsafe_code)] // SIMD: the instructions need features that the vector's maker has checked
impl Multiplier for Ifma {
    #[inline(always)]
    fn add_low(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see `Vector`.
        unsafe { _mm512_madd52lo_epu64(sum, a, b) }
    }

    #[inline(always)]
    fn add_short(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        Self::add_low(sum, a, b)
    }

    #[inline(always)]
    fn add_high(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see `Vector`.
        unsafe { _mm512_madd52hi_epu64(sum, a, b) }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,bmi2")]
pub(super) fn multiply(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    ladder::multiply::<Vector<Ifma>>(pairs)
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,bmi2")]
pub(super) fn table(y: &[u8; 32], with_base: &[u8; 32]) -> Table {
    Table::new::<Vector<Ifma>>(y, with_base)
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,bmi2")]
pub(super) fn multiply_tables(pairs: &[(&Table, [u8; 32]); LANES]) -> [[u8; 32]; LANES] {
    table::multiply::<Vector<Ifma>>(pairs)
}
