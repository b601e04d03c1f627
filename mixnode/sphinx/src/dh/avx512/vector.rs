//! Eight numbers in an AVX-512 register.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_loadu_si512, _mm512_mask_mov_epi64,
    _mm512_set1_epi64, _mm512_shuffle_i64x2, _mm512_srai_epi64, _mm512_srli_epi64, _mm512_storeu_si512,
    _mm512_sub_epi64, _mm512_ternarylogic_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};
use std::marker::PhantomData;

use crate::dh::LANES;
use crate::dh::lanes::Lanes;

/// How limbs are multiplied. These functions are called only by [`Vector`]'s, on a CPU that has what they need.
pub(super) trait Multiplier: Copy {
    /// sum + the low 52 bits of the product of the low 52 bits of a and b
    fn add_low(sum: __m512i, a: __m512i, b: __m512i) -> __m512i;
    /// sum + the product of a and b, which are below 2^32, and it below 2^52
    fn add_short(sum: __m512i, a: __m512i, b: __m512i) -> __m512i;
    /// sum + the bits of the first product above its low 52
    fn add_high(sum: __m512i, a: __m512i, b: __m512i) -> __m512i;
}

/// Is made only in the functions of the two multipliers, and in tests after the same check: so all of these methods run on a CPU that has the features.
#[derive(Clone, Copy)]
pub(in crate::dh) struct Vector<M>(__m512i, PhantomData<M>);

impl<M> Vector<M> {
    #[inline(always)]
    fn new(values: __m512i) -> Self {
        Self(values, PhantomData)
    }
}

#[allow(unsafe_code)] // SIMD: the instructions need features that the type's maker has checked
impl<M: Multiplier> Lanes for Vector<M> {
    #[inline(always)]
    fn load(values: &[u64; LANES]) -> Self {
        // SAFETY: 64 bytes are read from an array of as many; no alignment is asked for.
        Self::new(unsafe { _mm512_loadu_si512(values.as_ptr().cast()) })
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
        Self::new(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_sub_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn select(self, other: Self, mask: Self) -> Self {
        // Bit 4 × mask + 2 × other + self of the constant: other where the mask is 1.
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_ternarylogic_epi64::<0b1100_1010>(mask.0, other.0, self.0) })
    }

    #[inline(always)]
    fn replace(self, other: Self, a: Self, b: Self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_mask_mov_epi64(self.0, _mm512_cmpeq_epi64_mask(a.0, b.0), other.0) })
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let [a, b, c, d, e, f, g, h] = rows.map(|row| row.0);
        // SAFETY: see the type.
        unsafe {
            // Pairs of rows, number by number.
            let (ab, ab2) = (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
            let (cd, cd2) = (_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
            let (ef, ef2) = (_mm512_unpacklo_epi64(e, f), _mm512_unpackhi_epi64(e, f));
            let (gh, gh2) = (_mm512_unpacklo_epi64(g, h), _mm512_unpackhi_epi64(g, h));
            let ([a, c, e, g], [b, d, f, h]) = (fourths([ab, cd, ef, gh]), fourths([ab2, cd2, ef2, gh2]));
            [a, b, c, d, e, f, g, h].map(Self::new)
        }
    }

    #[inline(always)]
    fn highest(self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_srai_epi64::<63>(self.0) })
    }

    #[inline(always)]
    fn shift_left_once(self) -> Self {
        self.add(self)
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        // SAFETY: see the type.
        Self::new(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        Self::new(M::add_low(self.0, a.0, b.0))
    }

    #[inline(always)]
    fn add_short(self, a: Self, b: Self) -> Self {
        Self::new(M::add_short(self.0, a.0, b.0))
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        Self::new(M::add_high(self.0, a.0, b.0))
    }
}

/// Of each vector's four pairs one: the first, second, third and fourth of all four vectors.
#[inline(always)]
#[allow(unsafe_code)] // SIMD: as above
fn fourths([ab, cd, ef, gh]: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: see `Vector`, of which alone this is a part.
    unsafe {
        // Of both halves' vectors the first and third, or the second and fourth.
        let (even, odd) = (_mm512_shuffle_i64x2::<0x88>(ab, cd), _mm512_shuffle_i64x2::<0xdd>(ab, cd));
        let (even2, odd2) = (_mm512_shuffle_i64x2::<0x88>(ef, gh), _mm512_shuffle_i64x2::<0xdd>(ef, gh));
        [
            _mm512_shuffle_i64x2::<0x88>(even, even2),
            _mm512_shuffle_i64x2::<0x88>(odd, odd2),
            _mm512_shuffle_i64x2::<0xdd>(even, even2),
            _mm512_shuffle_i64x2::<0xdd>(odd, odd2),
        ]
    }
}
