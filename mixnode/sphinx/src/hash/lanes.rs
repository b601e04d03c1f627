//! Eight texts side by side (FIPS 180-4 §6.2): each word of all eight states in one vector.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_ror_epi32, _mm256_set_epi64x,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_ternarylogic_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64,
};

use super::LANES;

const BLOCK: usize = 64;
/// Of a key in its block.
const KEY: usize = 32;

/// Is made only on a CPU that can.
#[derive(Clone, Copy)]
pub(super) struct Lanes(());

/// The bits of a ternary function are its values for 000, 001, … 111.
const XOR: i32 = 0b1001_0110;
const CHOICE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

impl Lanes {
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl");
        all.then_some(Self(()))
    }

    /// SHA-256(key ‖ text) of all, whose texts have one length.
    pub(super) fn keyed(self, texts: [(&[u8; KEY], &[u8]); LANES]) -> [[u8; 32]; LANES] {
        #[allow(unsafe_code)] // SIMD: the one call that the features of the CPU decide
        // SAFETY: the CPU has all three features.
        unsafe {
            keyed(texts)
        }
    }
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn keyed(texts: [(&[u8; KEY], &[u8]); LANES]) -> [[u8; 32]; LANES] {
    let length = texts[0].1.len();
    let mut state = FIRST.map(|word| _mm256_set1_epi32(word.cast_signed()));
    // The first block has the key and what follows; of a text that does not fill it, it is the last.
    let mut ends = [[0; 2 * BLOCK]; LANES];
    let (done, rest) = if length < BLOCK - KEY {
        ends.iter_mut().zip(texts).for_each(|(end, (key, _))| end[..KEY].copy_from_slice(key));
        (0, KEY)
    } else {
        let mut heads = [[0; BLOCK]; LANES];
        for (head, (key, text)) in heads.iter_mut().zip(texts) {
            head[..KEY].copy_from_slice(key);
            head[KEY..].copy_from_slice(&text[..BLOCK - KEY]);
        }
        compress(&mut state, heads.each_ref());
        let bodies = texts.map(|(_, text)| text[BLOCK - KEY..].as_chunks().0);
        for at in 0..bodies[0].len() {
            compress(&mut state, bodies.map(|blocks| &blocks[at]));
        }
        (BLOCK - KEY + bodies[0].len() * BLOCK, 0)
    };
    // What is left, the bit behind it, and the length at the end of the last block (FIPS 180-4 §5.1.1).
    let end = rest + length - done;
    let last = if end + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
    let bits = 8 * (KEY as u64 + length as u64);
    for (blocks, (_, text)) in ends.iter_mut().zip(texts) {
        blocks[rest..end].copy_from_slice(&text[done..]);
        blocks[end] = 0x80;
        blocks[last - 8..last].copy_from_slice(&bits.to_be_bytes());
    }
    let ends = ends.each_ref().map(|blocks| blocks.as_chunks::<BLOCK>().0);
    for at in 0..last / BLOCK {
        compress(&mut state, ends.map(|blocks| &blocks[at]));
    }
    digests(state)
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn compress(state: &mut [__m256i; 8], blocks: [&[u8; BLOCK]; LANES]) {
    let mut words = [_mm256_setzero_si256(); 16];
    for (half, words) in words.chunks_exact_mut(8).enumerate() {
        let mut rows = [_mm256_setzero_si256(); LANES];
        for (row, block) in rows.iter_mut().zip(blocks) {
            *row = big_endian(load(&block.as_chunks().0[half]));
        }
        words.copy_from_slice(&transpose(rows));
    }
    let before = *state;
    for (group, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
        // As a loop these would not be unrolled, and all words go through memory.
        macro_rules! rounds {
            ($($at:literal)*) => { $(
                round(state, words[$at], constants[$at]);
                if group < 3 {
                    // The word sixteen rounds later takes this one's place.
                    words[$at] = next(words[$at], words[($at + 1) % 16], words[($at + 9) % 16], words[($at + 14) % 16]);
                }
            )* };
        }
        rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    for (word, before) in state.iter_mut().zip(before) {
        *word = add(*word, before);
    }
}

/// FIPS 180-4 §6.2.2, step 3.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn round(state: &mut [__m256i; 8], word: __m256i, constant: u32) {
    let [a, b, c, d, e, f, g, h] = *state;
    let given = add(add(h, _mm256_set1_epi32(constant.cast_signed())), word);
    let turned = [_mm256_ror_epi32::<6>(e), _mm256_ror_epi32::<11>(e), _mm256_ror_epi32::<25>(e)];
    let first = add(given, add(xor(turned), _mm256_ternarylogic_epi32::<CHOICE>(e, f, g)));
    let turned = [_mm256_ror_epi32::<2>(a), _mm256_ror_epi32::<13>(a), _mm256_ror_epi32::<22>(a)];
    let second = add(xor(turned), _mm256_ternarylogic_epi32::<MAJORITY>(a, b, c));
    *state = [add(first, second), a, b, c, add(d, first), e, f, g];
}

/// Of the schedule (step 1): from the words 16, 15, 7 and 2 before.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn next(word: __m256i, second: __m256i, tenth: __m256i, fifteenth: __m256i) -> __m256i {
    let low = [_mm256_ror_epi32::<7>(second), _mm256_ror_epi32::<18>(second), _mm256_srli_epi32::<3>(second)];
    let high =
        [_mm256_ror_epi32::<17>(fifteenth), _mm256_ror_epi32::<19>(fifteenth), _mm256_srli_epi32::<10>(fifteenth)];
    add(add(word, xor(low)), add(tenth, xor(high)))
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn xor([a, b, c]: [__m256i; 3]) -> __m256i {
    _mm256_ternarylogic_epi32::<XOR>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn digests(state: [__m256i; 8]) -> [[u8; 32]; LANES] {
    let mut digests = [[0; 32]; LANES];
    for (digest, row) in digests.iter_mut().zip(transpose(state)) {
        #[allow(unsafe_code)] // SIMD: a store
        // SAFETY: 32 bytes are written to an array of as many; no alignment is asked for.
        unsafe {
            _mm256_storeu_si256(digest.as_mut_ptr().cast(), big_endian(row));
        }
    }
    digests
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

/// The bytes of each word in the opposite order.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn big_endian(words: __m256i) -> __m256i {
    let (low, high) = (0x0405_0607_0001_0203, 0x0c0d_0e0f_0809_0a0b);
    _mm256_shuffle_epi8(words, _mm256_set_epi64x(high, low, high, low))
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn load(bytes: &[u8; 32]) -> __m256i {
    #[allow(unsafe_code)] // SIMD: a load
    // SAFETY: 32 bytes are read from an array of as many; no alignment is asked for.
    unsafe {
        _mm256_loadu_si256(bytes.as_ptr().cast())
    }
}

/// Word i of row j becomes word j of row i.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    // Two words, four words, then the halves.
    let (ab, ab2) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd, cd2) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    let (ef, ef2) = (_mm256_unpacklo_epi32(e, f), _mm256_unpackhi_epi32(e, f));
    let (gh, gh2) = (_mm256_unpacklo_epi32(g, h), _mm256_unpackhi_epi32(g, h));
    let first = [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab2, cd2),
        _mm256_unpackhi_epi64(ab2, cd2),
    ];
    let second = [
        _mm256_unpacklo_epi64(ef, gh),
        _mm256_unpackhi_epi64(ef, gh),
        _mm256_unpacklo_epi64(ef2, gh2),
        _mm256_unpackhi_epi64(ef2, gh2),
    ];
    let mut columns = [_mm256_setzero_si256(); 8];
    for (at, (first, second)) in first.into_iter().zip(second).enumerate() {
        columns[at] = _mm256_permute2x128_si256::<0x20>(first, second);
        columns[at + 4] = _mm256_permute2x128_si256::<0x31>(first, second);
    }
    columns
}

/// FIPS 180-4 §5.3.3.
const FIRST: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4 §4.2.2.
const ROUNDS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];
