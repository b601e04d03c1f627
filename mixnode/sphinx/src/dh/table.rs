//! Multiples of points, to multiply eight of them at once, each by a scalar of its own: a fourth of the ladder's time.
//!
//! A scalar has 64 digits from −8 to 8 in base 16. A table has 256^i P, 2 · 256^i P, … 8 · 256^i P in its row i: the digits in even places are added
//! as they are, those in odd places on their own, and that sum counts sixteen times. All of a row is read, whatever the digit.

use zeroize::Zeroize as _;

use super::LANES;
use super::field::Field;
use super::lanes::Lanes;
use super::point::{Addend, Point};

const ROWS: usize = 32;
const COLUMNS: usize = 8;
const DIGITS: usize = 2 * ROWS;

/// A point as it is added, limb by limb: y + x, y − x, 2 d x y, and a word that is not used. Two cache lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Entry([u64; 16]);

/// y + x and y − x are one.
const NEUTRAL: Entry = {
    let mut limbs = [0; 16];
    (limbs[0], limbs[5]) = (1, 1);
    Entry(limbs)
};

impl Entry {
    #[inline(always)]
    fn halves<L: Lanes>(&self) -> [L; 2] {
        let (halves, _) = self.0.as_chunks::<LANES>();
        [L::load(&halves[0]), L::load(&halves[1])]
    }
}

/// Of one point: 32 KB.
pub(crate) struct Table(Box<[[Entry; COLUMNS]; ROWS]>);

impl Table {
    /// Of the point that [`Point::recover`] makes of these.
    #[inline(always)]
    pub(super) fn new<L: Lanes>(y: &[u8; 32], with_base: &[u8; 32]) -> Self {
        let point = Point::<L>::recover(y, with_base);
        let (addend, positive) = (point.addend(), L::splat(0));
        // Each lane has its own column.
        let (mut multiple, mut columns) = (point, point);
        for column in 1..COLUMNS {
            multiple = multiple.add(&addend, positive);
            let later = std::array::from_fn(|lane| u64::from(lane >= column).wrapping_neg());
            columns = columns.select(multiple, L::load(&later));
        }
        let mut rows = Box::new([[NEUTRAL; COLUMNS]; ROWS]);
        for row in rows.iter_mut() {
            let Addend { sum, difference, product } = columns.addend();
            let limbs = [sum, difference, product].map(Field::limbs);
            for (at, limb) in limbs.into_iter().flatten().enumerate() {
                row.iter_mut().zip(limb).for_each(|(entry, limb)| entry.0[at] = limb);
            }
            for _ in 0..8 {
                columns = columns.double();
            }
        }
        Self(rows)
    }
}

/// The u-coordinates of the points times their scalars, which are below 2^255, in constant time.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(pairs: &[(&Table, [u8; 32]); LANES]) -> [[u8; 32]; LANES] {
    let mut digits = [[0; LANES]; DIGITS];
    for (lane, (_, scalar)) in pairs.iter().enumerate() {
        split(scalar, lane, &mut digits);
    }
    let (mut even, mut odd) = (Point::<L>::neutral(), Point::neutral());
    for (row, [first, second]) in digits.as_chunks().0.iter().enumerate() {
        let [(addend, negative), (addend2, negative2)] = look_up(pairs, row, [first, second]);
        even = even.add(&addend, negative);
        odd = odd.add(&addend2, negative2);
    }
    digits.zeroize();
    for _ in 0..4 {
        odd = odd.double();
    }
    even.add_point(odd).montgomery()
}

/// Into the lane's digits, the least significant first.
#[inline(always)]
fn split(scalar: &[u8; 32], lane: usize, digits: &mut [[i8; LANES]; DIGITS]) {
    let mut carry = 0;
    for (two, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(scalar) {
        for (digits, nibble) in two.iter_mut().zip([byte & 15, byte >> 4]) {
            let value = nibble + carry;
            // From 8 on, sixteen less, and one more in the next place.
            carry = (value + 8) >> 4;
            digits[lane] = value.wrapping_sub(carry << 4).cast_signed();
        }
    }
    // There is no next: the last was 7, and is 8.
    digits[DIGITS - 1][lane] += (carry << 4).cast_signed();
}

/// For each of two digits of each lane, the row's entry for its absolute value, and where it is negative.
#[inline(always)]
fn look_up<L: Lanes>(
    pairs: &[(&Table, [u8; 32]); LANES],
    row: usize,
    [first, second]: [&[i8; LANES]; 2],
) -> [(Addend<L>, L); 2] {
    // Both halves of each lane's entries.
    let mut found = [[[L::splat(0); LANES]; 2]; 2];
    for (lane, (table, _)) in pairs.iter().enumerate() {
        let wanted = [first, second].map(|digits| L::splat(u64::from(digits[lane].unsigned_abs())));
        let mut entries: [[L; 2]; 2] = [NEUTRAL.halves(); 2];
        for (number, entry) in (1..).zip(&table.0[row]) {
            let (number, [low, high]) = (L::splat(number), entry.halves());
            for (found, wanted) in entries.iter_mut().zip(wanted) {
                *found = [found[0].replace(low, wanted, number), found[1].replace(high, wanted, number)];
            }
        }
        for (found, [low, high]) in found.iter_mut().zip(entries) {
            (found[0][lane], found[1][lane]) = (low, high);
        }
    }
    let [one, two] = found;
    [gather(one, first), gather(two, second)]
}

/// From each lane's entry to what all add.
#[inline(always)]
fn gather<L: Lanes>([low, high]: [[L; LANES]; 2], digits: &[i8; LANES]) -> (Addend<L>, L) {
    let [a, b, c, d, e, f, g, h] = L::transpose(low);
    let [i, j, k, l, m, n, o, _] = L::transpose(high);
    let (sum, difference, product) = (Field([a, b, c, d, e]), Field([f, g, h, i, j]), Field([k, l, m, n, o]));
    let negative = digits.map(|digit| i64::from(digit >> 7).cast_unsigned());
    (Addend { sum, difference, product }, L::load(&negative))
}
