use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use proptest::prelude::*;
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use super::*;

/// RFC 9380 §J.4.1 and §J.4.2: u, and the first coordinate of Q.
const VECTORS: [(&str, &str); 15] = [
    (
        "49bed021c7a3748f09fa8cdfcac044089f7829d3531066ac9e74e0994e05bc7d",
        "16b3d86e056b7970fa00165f6f48d90b619ad618791661b7b5e1ec78be10eac1",
    ),
    (
        "5c36525b663e63389d886105cee7ed712325d5a97e60e140aba7e2ce5ae851b6",
        "7ec29ddbf34539c40adfa98fcb39ec36368f47f30e8f888cc7e86f4d46e0c264",
    ),
    (
        "6412b7485ba26d3d1b6c290a8e1435b2959f03721874939b21782df17323d160",
        "71de3dadfe268872326c35ac512164850860567aea0e7325e6b91a98f86533ad",
    ),
    (
        "24c7b46c1c6d9a21d32f5707be1380ab82db1054fde82865d5c9e3d968f287b2",
        "5704069021f61e41779e2ba6b932268316d6d2a6f064f997a22fef16d1eaeaca",
    ),
    (
        "5e123990f11bbb5586613ffabdb58d47f64bb5f2fa115f8ea8df0188e0c9e1b5",
        "7a94d45a198fb5daa381f45f2619ab279744efdd8bd8ed587fc5b65d6cea1df0",
    ),
    (
        "5e8553eb00438a0bb1e7faa59dec6d8087f9c8011e5fb8ed9df31cb6c0d4ac19",
        "30506fb7a32136694abd61b6113770270debe593027a968a01f271e146e60c18",
    ),
    (
        "20f481e85da7a3bf60ac0fb11ed1d0558fc6f941b3ac5469aa8b56ec883d6d7d",
        "02d606e2699b918ee36f2818f2bc5013e437e673c9f9b9cdc15fd0c5ee913970",
    ),
    (
        "017d57fd257e9a78913999a23b52ca988157a81b09c5442501d07fed20869465",
        "38920e9b988d1ab7449c0fa9a6058192c0c797bb3d42ac345724341a1aa98745",
    ),
    (
        "005fe8a7b8fef0a16c105e6cadf5a6740b3365e18692a9c05bfbb4d97f645a6a",
        "36b4df0c864c64707cbf6cf36e9ee2c09a6cb93b28313c169be29561bb904f98",
    ),
    (
        "1347edbec6a2b5d8c02e058819819bee177077c9d10a4ce165aab0fd0252261a",
        "3fa114783a505c0b2b2fbeef0102853c0b494e7757f2a089d0daae7ed9a0db2b",
    ),
    (
        "608d892b641f0328523802a6603427c26e55e6f27e71a91a478148d45b5093cd",
        "51125222da5e763d97f3c10fcc92ea6860b9ccbbd2eb1285728f566721c1e65b",
    ),
    (
        "46f5b22494bfeaa7f232cc8d054be68561af50230234d7d1d63d1d9abeca8da5",
        "7d56d1e08cb0ccb92baf069c18c49bb5a0dcd927eff8dcf75ca921ef7f3e6eeb",
    ),
    (
        "235fe40c443766ce7e18111c33862d66c3b33267efa50d50f9e8e5d252a40aaa",
        "3fbe66b9c9883d79e8407150e7c2a1c8680bee496c62fabe4619a72b3cabe90f",
    ),
    (
        "001e92a544463bda9bd04ddbe3d6eed248f82de32f522669efc5ddce95f46f5b",
        "227e0bb89de700385d19ec40e857db6e6a3e634b1c32962f370d26f84ff19683",
    ),
    (
        "1a68a1af9f663592291af987203393f707305c7bac9c8d63d6a729bdc553dc19",
        "3bcd651ee54d5f7b6013898aab251ee8ecc0688166fce6e9548d38472f6bd196",
    ),
];

/// The RFC writes numbers big endian.
fn number(hex: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().rev().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    }
    bytes
}

#[test]
fn the_map_is_the_rfcs() {
    for (r, u) in VECTORS {
        let r = Field::from_bytes(&number(r));
        assert_eq!(map_to_curve(r).to_bytes(), number(u));
        assert_eq!(map(&r.absolute().to_bytes()), number(u), "of the smaller of r and -r");
    }
}

#[test]
fn the_edges() {
    assert_eq!(Field::ROOT_OF_MINUS_ONE.square().to_bytes(), (-Field::ONE).to_bytes());
    // (0, 0), the point of order two, is represented by 0, and by nothing else.
    assert_eq!(map(&[0; 32]), [0; 32]);
    assert_eq!(representative(&EIGHT_TORSION[4], 0), Some([0; 32]));
    assert_eq!(representative(&EIGHT_TORSION[4], 1), None);
    assert_eq!(EdwardsPoint::identity().to_montgomery().to_bytes(), [0; 32], "which X25519 cannot tell from it");
    // 2^254 − 1, the largest, is above (p − 1) / 2: the map takes it all the same.
    let u = map(&[0xff; 32]);
    assert!(MontgomeryPoint(u).to_edwards(0).is_some());
}

proptest! {
    #[test]
    fn any_bytes_map_to_the_curve_and_are_found_again(bytes: [u8; 32]) {
        let u = map(&bytes);
        let point = MontgomeryPoint(u).to_edwards(0).expect("on the curve");
        let mut low = bytes;
        low[31] &= 0x3f;
        let found = [0, 1].map(|tweak| representative(&point, tweak));
        prop_assert!(found.contains(&Some(low)));
        prop_assert!(found.iter().all(|found| found.is_some_and(|found| map(&found) == u)), "both are of this u");
    }

    #[test]
    fn a_representative_leads_back(secret: [u8; 32], tweak: u8) {
        let point = EdwardsPoint::mul_base_clamped(secret) + EIGHT_TORSION[usize::from(tweak & 7)];
        for tweak in [tweak, tweak ^ 1] {
            if let Some(found) = representative(&point, tweak) {
                prop_assert_eq!(found[31] & 0xc0, tweak & 0xc0);
                prop_assert_eq!(map(&found), point.to_montgomery().to_bytes());
            }
        }
    }
}

/// 2,000 draws; a count further than five standard deviations from its mean would come up once in a million seeds.
#[test]
fn representatives_look_random() {
    const DRAWS: usize = 2000;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let eighth = Scalar::from(8u64).invert();
    let mut ones = [0usize; 256];
    let mut cosets = [0usize; 5];
    for _ in 0..DRAWS {
        let (_, found) = ephemeral(&mut rng);
        for (at, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(found[at / 8] >> (at % 8) & 1);
        }
        // A point less its part of prime order. Its sign is not in u, so the eight are five.
        let point = MontgomeryPoint(map(&found)).to_edwards(0).unwrap();
        let low_order = point - (point * eighth).mul_by_cofactor();
        let index = EIGHT_TORSION.iter().position(|known| *known == low_order).unwrap();
        cosets[index.min(8 - index)] += 1;
    }
    let near = |count: usize, probability: f64| {
        let mean = DRAWS as f64 * probability;
        (count as f64 - mean).abs() < 5.0 * (mean * (1.0 - probability)).sqrt()
    };
    for (bit, ones) in ones.into_iter().enumerate() {
        assert!(near(ones, 0.5), "bit {bit}: {ones} of {DRAWS}");
    }
    for (coset, count) in cosets.into_iter().enumerate() {
        let probability = if coset == 0 || coset == 4 { 0.125 } else { 0.25 };
        assert!(near(count, probability), "coset {coset}: {count} of {DRAWS}");
    }
}

#[test]
fn both_ends_agree() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut peer = [0; 32];
    rng.fill_bytes(&mut peer);
    let public = MontgomeryPoint::mul_base_clamped(peer);
    for _ in 0..16 {
        let (secret, found) = ephemeral(&mut rng);
        assert_eq!(public.mul_clamped(*secret), MontgomeryPoint(map(&found)).mul_clamped(peer));
    }
}
