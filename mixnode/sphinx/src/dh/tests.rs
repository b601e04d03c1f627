//! The eight lanes against curve25519-dalek and RFC 7748, on every machine with plain integers.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::avx512::{Fma, Ifma, Vector};
use super::field::{Field, Wide};
use super::inverse::{Number, inverses};
use super::ladder;
use super::lanes::Lanes;
use super::point::{Addend, Point};
use super::{Avx512, LANES, Pair, Secret, clamp, is_canonical, multiply, single, table};
use crate::SecretKey;

/// What other CPUs have in the lanes' place.
#[path = "none.rs"]
mod none;

#[test]
fn other_cpus_have_no_lanes() {
    let _: [fn(none::Avx512) -> usize; 2] = [none::Avx512::enough, none::Avx512::enough_tables];
    let _: fn(none::Avx512) -> &'static str = none::Avx512::name;
    let _: fn(none::Avx512, &[Pair; LANES]) -> [[u8; 32]; LANES] = none::Avx512::multiply;
    let _: fn(none::Avx512, &_) -> [[u8; 32]; LANES] = none::Avx512::multiply_tables;
    let _: fn(none::Avx512, &EdwardsPoint) -> none::Table = none::Avx512::table;
    assert!(none::Avx512::all().next().is_none());
}

/// The lanes as eight plain integers.
#[derive(Clone, Copy)]
struct Plain([u64; LANES]);

impl Plain {
    fn with(self, other: Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        let mut result = self.0;
        result.iter_mut().zip(other.0).for_each(|(a, b)| *a = operation(*a, b));
        Self(result)
    }
}

const LOW: u128 = (1 << 52) - 1;
/// The most that a limb which is subtracted may be.
const MANY: u64 = (1 << 56) - 512;
/// The most that a fifth limb may be.
const TOP: u64 = (1 << 47) + (1 << 12);
const ALTERNATING: [u64; LANES] = [0, u64::MAX, 1 << 63, u64::MAX >> 1, 1, 3 << 62, 1 << 62, 5 << 60];

fn product(a: u64, b: u64) -> u128 {
    u128::from(a & LOW as u64) * u128::from(b & LOW as u64)
}

impl Lanes for Plain {
    fn load(values: &[u64; LANES]) -> Self {
        Self(*values)
    }
    fn store(self) -> [u64; LANES] {
        self.0
    }
    fn splat(value: u64) -> Self {
        Self([value; LANES])
    }
    // Overflow fails the test.
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a.checked_add(b).unwrap())
    }
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a.checked_sub(b).unwrap())
    }
    fn and(self, other: Self) -> Self {
        self.with(other, |a, b| a & b)
    }
    fn select(self, other: Self, mask: Self) -> Self {
        let own = self.with(mask, |a, mask| a & !mask);
        own.with(other.and(mask), |a, b| a | b)
    }
    fn replace(self, other: Self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|at| if a.0[at] == b.0[at] { other.0[at] } else { self.0[at] }))
    }
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|column| Self(rows.map(|row| row.0[column])))
    }
    fn highest(self) -> Self {
        self.with(self, |a, _| (a >> 63).wrapping_neg())
    }
    fn shift_left_once(self) -> Self {
        self.with(self, |a, _| a << 1)
    }
    fn shift_right<const BITS: u32>(self) -> Self {
        self.with(self, |a, _| a >> BITS)
    }
    fn add_low(self, a: Self, b: Self) -> Self {
        self.add(a.with(b, |a, b| (product(a, b) & LOW) as u64))
    }
    fn add_short(self, a: Self, b: Self) -> Self {
        self.add(a.with(b, |a, b| {
            assert!(a < 1 << 32 && b < 1 << 32 && a * b < 1 << 52, "{a} times {b}");
            a * b
        }))
    }
    fn add_high(self, a: Self, b: Self) -> Self {
        self.add(a.with(b, |a, b| (product(a, b) >> 52) as u64))
    }
}

fn reference(pair: &Pair) -> [u8; 32] {
    MontgomeryPoint(pair.point).mul_clamped(pair.scalar).to_bytes()
}

/// What all callers of the ladder do.
fn plain(pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    let mut pairs = *pairs;
    pairs.iter_mut().for_each(|pair| clamp(&mut pair.scalar));
    ladder::multiply::<Plain>(&pairs)
}

fn bytes(hex: &str) -> [u8; 32] {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    std::array::from_fn(|at| digits[2 * at] << 4 | digits[2 * at + 1])
}

fn pairs() -> impl Strategy<Value = [Pair; LANES]> {
    proptest::array::uniform8((any::<[u8; 32]>(), any::<[u8; 32]>()))
        .prop_map(|pairs| pairs.map(|(scalar, point)| Pair { scalar, point }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Also of points on the twist, and of encodings that are not canonical.
    #[test]
    fn all_agree_with_dalek(pairs in pairs()) {
        let expected = pairs.each_ref().map(reference);
        prop_assert_eq!(plain(&pairs), expected);
        prop_assert_eq!(multiply(&pairs, LANES), expected);
        prop_assert_eq!(pairs.each_ref().map(single::multiply), expected);
        for used in [1, LANES] {
            let secret = Secret::new(SecretKey::from_bytes(pairs[0].scalar));
            let points = pairs.map(|pair| pair.point);
            let expected = points.map(|point| reference(&Pair { scalar: pairs[0].scalar, point }));
            prop_assert_eq!(&secret.multiply(&points, used)[..used], &expected[..used]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Points are those of keys, scalars those of packets' exponents, and the smallest and largest there are.
    #[test]
    fn tables_agree_with_dalek(keys: [[u8; 32]; LANES], seeds: [[u8; 32]; LANES], small in 0..3u64) {
        let points = keys.map(EdwardsPoint::mul_base_clamped);
        let mut scalars = seeds.map(|seed| Scalar::from_bytes_mod_order(seed).to_bytes());
        (scalars[0], scalars[1]) = (Scalar::from(small).to_bytes(), (-Scalar::from(small)).to_bytes());
        scalars[2] = [0xff; 32];
        scalars[2][31] = 0x7f;
        // Reduced by the library: the point has the group's order.
        let multiply = |at: usize| points[at] * Scalar::from_bytes_mod_order(scalars[at]);
        let expected: [_; LANES] = std::array::from_fn(|at| multiply(at).to_montgomery().to_bytes());
        let tables = points.map(|point| plain_table(&point));
        prop_assert_eq!(table::multiply::<Plain>(&std::array::from_fn(|at| (&tables[at], scalars[at]))), expected);
        for lanes in Avx512::all() {
            let tables = points.map(|point| lanes.table(&point));
            prop_assert_eq!(lanes.multiply_tables(&std::array::from_fn(|at| (&tables[at], scalars[at]))), expected);
        }
    }
}

fn plain_table(point: &EdwardsPoint) -> table::Table {
    let with_base = point + ED25519_BASEPOINT_POINT;
    table::Table::new::<Plain>(point.compress().as_bytes(), with_base.compress().as_bytes())
}

/// The base point itself, its opposite, whose sum with it is neutral, and the neutral element.
#[test]
fn odd_points_have_tables_too() {
    let base = ED25519_BASEPOINT_POINT;
    for point in [base, -base, base - base] {
        let table = plain_table(&point);
        for scalar in [0_u64, 1, 8, 9, u64::MAX].map(Scalar::from) {
            let expected = (point * scalar).to_montgomery().to_bytes();
            assert_eq!(table::multiply::<Plain>(&[(&table, scalar.to_bytes()); LANES]), [expected; LANES]);
        }
    }
}

/// RFC 7748 §5.2.
#[test]
fn vectors_of_the_rfc() {
    let vectors = [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ];
    for (scalar, point, product) in vectors {
        let pairs = [Pair { scalar: bytes(scalar), point: bytes(point) }; LANES];
        assert_eq!(plain(&pairs), [bytes(product); LANES]);
        assert_eq!(multiply(&pairs, LANES), [bytes(product); LANES]);
        assert_eq!(single::multiply(&pairs[0]), bytes(product));
    }
}

/// The bounds that the ladder's types promise, at their largest: a plain lane fails on what does not fit.
#[test]
fn the_largest_limbs_fit() {
    let all = |limbs: [u64; 5]| limbs.map(|limb| Plain([limb; LANES]));
    let fits = |field: Field<Plain>| {
        assert!(field.0[4].0[0] <= TOP);
        field
    };
    let largest = Field(all([LOW as u64, LOW as u64, LOW as u64, LOW as u64, TOP]));
    let (wide, none) = (Wide(all([(1 << 56) - 1; 5])), Wide(all([0; 5])));
    for product in [largest.mul(largest), largest.square()] {
        assert!(product.0.iter().all(|limb| limb.0[0] <= MANY));
    }
    let raised = [largest.mul_raised(largest), largest.square_raised(), wide.raised()];
    for raised in raised {
        assert!(raised.0.iter().all(|limb| limb.0[0] < 1 << 62));
        for sum in [raised.carry(), raised.add(raised), raised.add_small(largest, (1 << 17) - 1), raised.sub(none)] {
            fits(sum);
        }
    }
    let product = largest.mul(largest);
    assert_eq!(largest.square().carry().store(), fits(product.carry()).store());
    assert_eq!(raised[0].carry().store(), product.carry().store());
    assert_eq!(raised[1].carry().store(), product.carry().store());
    assert_eq!(fits(none.raised().sub(product)).store(), fits(none.raised().sub(largest.square())).store());
    assert_eq!(fits(raised[0].sub(product)).store(), [[0; 32]; LANES]);
}

/// The same for points: the coordinates of sums are products with the limbs above, at most.
#[test]
fn the_largest_limbs_of_points_fit() {
    let wide = Wide([Plain([MANY; LANES]); 5]);
    let field = Field([LOW as u64, LOW as u64, LOW as u64, LOW as u64, TOP].map(|limb| Plain([limb; LANES])));
    let largest = Point { x: wide, y: wide.raised(), z: wide.raised(), t: wide };
    let addend = Addend { sum: field, difference: field, product: field };
    for negative in [0, u64::MAX] {
        let sums = [largest.add(&addend, Plain([negative; LANES])), largest.add_point(largest), largest.double()];
        for Point { x, y, z, t } in sums {
            assert!([x, t].iter().flat_map(|wide| wide.0).all(|limb| limb.0[0] <= MANY));
            assert!([y, z].iter().flat_map(|wide| wide.0).all(|limb| limb.0[0] < 1 << 62));
        }
    }
    let zero = Wide::splat(0);
    for point in [largest, Point { x: zero, y: zero.raised(), z: zero.raised(), t: zero }] {
        for field in [point.z.raised().sub(point.y), point.z.add(point.y), point.y.sub(wide), point.y.add(wide)] {
            assert!(field.0[4].0[0] <= TOP);
        }
        let _ = (point.double(), point.add_point(largest), largest.add_point(point));
    }
}

/// In a build with overflow checks; the largest limb that a carry leaves has 2^51 + 2^10 at most.
#[test]
fn the_largest_limbs_of_an_inversion_fit() {
    let largest = Number([(1 << 51) + (1 << 10); 5]);
    let (product, square) = (largest.times(largest), largest.squared());
    for limb in product.0.into_iter().chain(square.0) {
        assert!(limb <= (1 << 51) + (1 << 10));
    }
    assert_eq!(product.write(), square.write());
    assert_eq!(canonical(product), canonical(product.times(Number([1, 0, 0, 0, 0]))));
}

/// Numbers and their inverses are one together, for all lanes whatever is in the others.
#[test]
fn inverses_of_zeros_are_zeros_and_disturb_no_others() {
    let (mut numbers, one) = ([[0; 32]; LANES], canonical(Number([1, 0, 0, 0, 0])));
    for zeros in 0..=u8::MAX {
        for (lane, number) in numbers.iter_mut().enumerate() {
            *number = [0; 32];
            if zeros >> lane & 1 == 0 {
                *number = [zeros ^ lane as u8; 32];
                (number[0], number[31]) = (lane as u8 + 1, zeros & 0x7f);
            }
        }
        for (number, inverse) in numbers.iter().zip(inverses(&numbers)) {
            let product = canonical(Number::read(number).times(Number::read(&inverse)));
            assert_eq!(product, if *number == [0; 32] { [0; 32] } else { one });
        }
    }
}

fn canonical(number: Number) -> [u8; 32] {
    Field::<Plain>::load([&number.write(); LANES]).store()[0]
}

/// 0, 1, the points of order 8, p − 1, p, p + 1, and the largest encodings.
fn odd_points() -> Vec<[u8; 32]> {
    let mut points = vec![
        [0; 32],
        bytes("0100000000000000000000000000000000000000000000000000000000000000"),
        bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        bytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        bytes("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        bytes("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        [0xff; 32],
    ];
    for last in [0xea, 0xef, 0xf5] {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (last, 0x7f);
        points.push(point);
    }
    points
}

#[test]
fn odd_points_agree_too() {
    for scalar in [[0; 32], [0xff; 32], [0x5a; 32]] {
        for point in odd_points() {
            let pair = Pair { scalar, point };
            let expected = reference(&pair);
            assert_eq!(plain(&[pair; LANES]), [expected; LANES]);
            assert_eq!(multiply(&[pair; LANES], LANES), [expected; LANES]);
            assert_eq!(single::multiply(&pair), expected);
        }
    }
    for point in &odd_points()[..7] {
        assert_eq!(multiply(&[Pair { scalar: [0x5a; 32], point: *point }; LANES], LANES), [[0; 32]; LANES]);
    }
}

#[test]
fn what_is_canonical() {
    let expected = [true, true, true, true, true, false, false, false, true, false, false];
    assert_eq!(odd_points().iter().map(is_canonical).collect::<Vec<_>>(), expected);
}

proptest! {
    /// Each instruction does what the plain lanes do.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn instructions_agree_with_plain_lanes(x: [u64; LANES], y: [u64; LANES], z: [u64; LANES]) {
        let limbs = |values: [u64; LANES]| values.map(|value| value >> 12);
        let [x, y, z] = [x, y, z].map(limbs);
        if !Avx512::detect().is_some_and(Avx512::has_ifma) {
            eprintln!("no AVX-512 IFMA on this machine: not all instructions were tested");
        }
        for lanes in Avx512::all() {
            if lanes.has_ifma() { compare::<Vector<Ifma>>(x, y, z)? } else { compare::<Vector<Fma>>(x, y, z)? }
        }
    }
}

fn compare<L: Lanes>(x: [u64; LANES], y: [u64; LANES], z: [u64; LANES]) -> Result<(), TestCaseError> {
    fn all<L: Lanes>(x: &[u64; LANES], y: &[u64; LANES], z: &[u64; LANES]) -> Vec<[u64; LANES]> {
        let [x, y, z] = [x, y, z].map(L::load);
        let large = L::splat(1 << 53);
        [
            x.add(y),
            x.add(large).sub(y),
            x.and(y),
            x.select(y, z),
            x.replace(y, z, L::load(&std::array::from_fn(|at| if at % 3 == 0 { 0 } else { z.store()[at] }))),
            x.add(large).shift_right::<52>(),
            x.add(large).shift_left_once(),
            L::load(&ALTERNATING).highest(),
            x.add_low(y, z),
            x.add_high(y, z),
            x.add_short(y.shift_right::<26>(), z.shift_right::<26>()),
        ]
        .into_iter()
        .chain(L::transpose([x, y, z, x.add(y), y.add(z), z.add(x), y, x]))
        .map(L::store)
        .collect()
    }
    prop_assert_eq!(all::<L>(&x, &y, &z), all::<Plain>(&x, &y, &z));
    Ok(())
}
