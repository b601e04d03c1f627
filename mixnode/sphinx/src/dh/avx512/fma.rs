//! Limbs are multiplied as floating-point numbers, whose significands have 53 bits, on CPUs before those with IFMA.
//!
//! A fused multiplication and addition rounds once, here towards zero. 2^104 + a b, of which the last bit counts 2^52, has the high half of a b
//! in its significand, and that number subtracted from 2^104 + 2^52 and added to a b once more leaves 2^52 and the low half. (Emmart, Zheng and Weems,
//! "Faster Modular Exponentiation Using Double Precision Floating Point Arithmetic on the GPU", ARITH 2018.) The compiler merges what
//! both halves of a product, and all products of a limb, have in common. No operand is ever subnormal, whatever the limbs: the time does not depend on them.

use std::arch::x86_64::{
    __m512d, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_ZERO, _mm512_add_epi64, _mm512_castpd_si512,
    _mm512_castsi512_pd, _mm512_fmadd_round_pd, _mm512_mul_epu32, _mm512_set1_epi64, _mm512_set1_pd, _mm512_sub_epi64,
    _mm512_sub_pd, _mm512_ternarylogic_epi64,
};

use super::vector::{Multiplier, Vector};
use crate::dh::table::Table;
use crate::dh::{LANES, Pair, ladder, table};

/// AVX-512 without IFMA.
#[derive(Clone, Copy)]
pub(in crate::dh) struct Fma;

/// 2^52 and 2^104: an integer below 2^52 that is added to either, counted in its last places, is what the significand's bits say.
const TWO_52: f64 = (1_u64 << 52) as f64;
const TWO_104: f64 = TWO_52 * TWO_52;
const TO_ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;

impl Multiplier for Fma {
    #[inline(always)]
    fn add_low(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        let (a, b) = (number(a), number(b));
        #[allow(unsafe_code)] // SIMD: the instructions need features that the vector's maker has checked
        // SAFETY: see `Vector`.
        unsafe {
            // Both are multiples of 2^52, of few bits: nothing is rounded here.
            let without_high = _mm512_sub_pd(_mm512_set1_pd(TWO_104 + TWO_52), high(a, b));
            add(sum, _mm512_fmadd_round_pd::<TO_ZERO>(a, b, without_high), TWO_52)
        }
    }

    #[inline(always)]
    fn add_short(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        #[allow(unsafe_code)] // SIMD: as above
        // SAFETY: see `Vector`.
        unsafe {
            _mm512_add_epi64(sum, _mm512_mul_epu32(a, b))
        }
    }

    #[inline(always)]
    fn add_high(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        add(sum, high(number(a), number(b)), TWO_104)
    }
}

/// 2^104 + the high half of a b.
#[inline(always)]
fn high(a: __m512d, b: __m512d) -> __m512d {
    #[allow(unsafe_code)] // SIMD: as above
    // SAFETY: see `Vector`.
    unsafe {
        _mm512_fmadd_round_pd::<TO_ZERO>(a, b, _mm512_set1_pd(TWO_104))
    }
}

/// The low 52 bits.
#[inline(always)]
fn number(limb: __m512i) -> __m512d {
    #[allow(unsafe_code)] // SIMD: as above
    // SAFETY: see `Vector`.
    unsafe {
        let mask = _mm512_set1_epi64((1 << 52) - 1);
        // limb & mask | the bits of 2^52
        let bits = _mm512_ternarylogic_epi64::<0b1110_1010>(limb, mask, bits_of(TWO_52));
        _mm512_sub_pd(_mm512_castsi512_pd(bits), _mm512_set1_pd(TWO_52))
    }
}

/// sum + the significand of a number that has been added to `power`.
#[inline(always)]
fn add(sum: __m512i, number: __m512d, power: f64) -> __m512i {
    #[allow(unsafe_code)] // SIMD: as above
    // SAFETY: see `Vector`.
    unsafe {
        _mm512_sub_epi64(_mm512_add_epi64(sum, _mm512_castpd_si512(number)), bits_of(power))
    }
}

#[inline(always)]
fn bits_of(power: f64) -> __m512i {
    #[allow(unsafe_code)] // SIMD: as above
    // SAFETY: see `Vector`.
    unsafe {
        _mm512_set1_epi64(power.to_bits().cast_signed())
    }
}

#[target_feature(enable = "avx512f,avx512dq,bmi2")]
pub(super) fn multiply(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    ladder::multiply::<Vector<Fma>>(pairs)
}

#[target_feature(enable = "avx512f,avx512dq,bmi2")]
pub(super) fn table(y: &[u8; 32], with_base: &[u8; 32]) -> Table {
    Table::new::<Vector<Fma>>(y, with_base)
}

#[target_feature(enable = "avx512f,avx512dq,bmi2")]
pub(super) fn multiply_tables(pairs: &[(&Table, [u8; 32]); LANES]) -> [[u8; 32]; LANES] {
    table::multiply::<Vector<Fma>>(pairs)
}
