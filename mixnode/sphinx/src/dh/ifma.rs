//! The lanes in AVX-512 registers, with the IFMA extension's multiplications.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64,
    _mm512_set1_epi64, _mm512_srai_epi64, _mm512_srli_epi64, _mm512_storeu_si512, _mm512_sub_epi64,
    _mm512_ternarylogic_epi64,
};

use super::ladder::{self, Lanes};
use super::{LANES, Pair};

/// Is made only on a CPU that can.
#[derive(Clone, Copy)]
pub(crate) struct Ifma(());

impl Ifma {
    pub(crate) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("bmi2");
        all.then_some(Self(()))
    }

    /// The products of all pairs, in constant time. Scalars are below 2^255 and taken as they are.
    pub(crate) fn multiply(self, pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
        #[allow(unsafe_code)] // SIMD: the one call that the features of the CPU decide
        // SAFETY: the CPU has all of these features.
        unsafe {
            multiply_with_ifma(pairs)
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,bmi2")]
fn multiply_with_ifma(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    ladder::multiply::<Vector>(pairs)
}

/// Is made only in `multiply_with_ifma`, and in tests after the same check: so all of these methods run on a CPU that has the features.
#[derive(Clone, Copy)]
pub(super) struct Vector(__m512i);

#[allow(unsafe_code)] // SIMD: the instructions need features that the type's maker has checked
impl Lanes for Vector {
    #[inline(always)]
    fn load(values: &[u64; LANES]) -> Self {
        // SAFETY: 64 bytes are read from an array of as many; no alignment is asked for.
        Self(unsafe { _mm512_loadu_si512(values.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self) -> [u64; LANES] {
        let mut values = [0; LANES];
        // SAFETY: 64 bytes are written to an array of as many; no alignment is asked for.
        unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), self.0) };
        values
    }

    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_sub_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn select(self, other: Self, mask: Self) -> Self {
        // Bit 4 × mask + 2 × other + self of the constant: other where the mask is 1.
        // SAFETY: see the type.
        Self(unsafe { _mm512_ternarylogic_epi64::<0b1100_1010>(mask.0, other.0, self.0) })
    }

    #[inline(always)]
    fn highest(self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_srai_epi64::<63>(self.0) })
    }

    #[inline(always)]
    fn shift_left_once(self) -> Self {
        self.add(self)
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: see the type.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}
