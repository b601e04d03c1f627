//! The lanes against the library, for every length around the ends of blocks and every number of texts.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{LANES, keyed};

/// What the library says, of texts that follow each other in `bytes`.
fn agree(number: usize, length: usize, bytes: &[u8]) {
    let keys: Vec<[u8; 32]> = (0..number).map(|at| [at as u8; 32]).collect();
    let texts: Vec<(&[u8; 32], &[u8])> =
        keys.iter().zip(bytes.chunks(length.max(1))).map(|(key, text)| (key, &text[..length])).collect();
    let expected = texts.iter().map(|(key, text)| Sha256::new().chain_update(key).chain_update(text).finalize().into());
    assert_eq!(keyed(&texts)[..number], expected.collect::<Vec<[u8; 32]>>(), "{number} texts of {length} bytes");
}

#[test]
fn all_lengths_and_numbers_agree() {
    #[cfg(target_arch = "x86_64")]
    if super::lanes::Lanes::detect().is_none() {
        eprintln!("no AVX-512 on this machine: only the library was tested");
    }
    let bytes: Vec<u8> = (0..=250).cycle().take(LANES * 300).collect();
    for length in 0..=300 {
        agree(LANES, length, &bytes);
    }
    for number in 0..=LANES {
        agree(number, 100, &bytes);
    }
}

#[test]
fn texts_of_different_lengths_are_hashed_whole() {
    let mut texts: Vec<(&[u8; 32], &[u8])> = vec![(&[1; 32], &[7; 100]); LANES];
    texts[3] = (&[2; 32], &[7; 101]);
    let digests = keyed(&texts);
    let expected: [u8; 32] = Sha256::new().chain_update([2; 32]).chain_update([7; 101]).finalize().into();
    assert_eq!(digests[3], expected);
    assert_ne!(digests[2], expected);
}

proptest! {
    #[test]
    fn random_texts_agree(length in 0..4000usize, seed: [u8; 32]) {
        use rand::{RngCore as _, SeedableRng as _};
        let mut bytes = vec![0; LANES * length.max(1)];
        rand_chacha::ChaCha8Rng::from_seed(seed).fill_bytes(&mut bytes);
        agree(LANES, length, &bytes);
    }
}
