//! X25519 (RFC 7748 §5) of several pairs at once: eight lanes of AVX-512 where the CPU has it, fastest with IFMA, otherwise one after the
//! other in aws-lc, the fastest maintained library.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(not(target_arch = "x86_64"))]
#[path = "none.rs"]
mod avx512;
#[cfg(any(test, target_arch = "x86_64"))]
mod field;
#[cfg(any(test, target_arch = "x86_64"))]
mod inverse;
#[cfg(any(test, target_arch = "x86_64"))]
mod ladder;
#[cfg(any(test, target_arch = "x86_64"))]
mod lanes;
#[cfg(any(test, target_arch = "x86_64"))]
mod point;
mod single;
#[cfg(any(test, target_arch = "x86_64"))]
mod table;
#[cfg(test)]
mod tests;

use zeroize::Zeroize;

pub(crate) use avx512::{Avx512, Table};

use crate::SecretKey;

/// Pairs that are multiplied at once.
pub(crate) const LANES: usize = 8;

/// u = 9 (RFC 7748 §4.1).
pub(crate) const BASE: [u8; 32] = {
    let mut base = [0; 32];
    base[0] = 9;
    base
};

/// A scalar and a u-coordinate.
#[derive(Clone, Copy, Zeroize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Pair {
    pub(crate) scalar: [u8; 32],
    pub(crate) point: [u8; 32],
}

/// The products of the first `used` pairs, whose scalars are clamped; all zero where the point has a small order.
pub(crate) fn multiply(pairs: &[Pair; LANES], used: usize) -> [[u8; 32]; LANES] {
    let Some(lanes) = lanes_for(used) else { return first(used, |at| single::multiply(&pairs[at])) };
    let mut clamped = *pairs;
    clamped.iter_mut().for_each(|pair| clamp(&mut pair.scalar));
    let products = lanes.multiply(&clamped);
    clamped.zeroize();
    products
}

/// A scalar that many points are multiplied by.
#[derive(Debug)]
pub(crate) struct Secret {
    scalar: SecretKey,
    single: single::Secret,
}

impl Secret {
    pub(crate) fn new(scalar: SecretKey) -> Self {
        Self { single: single::Secret::new(scalar.as_bytes()), scalar }
    }

    /// What [`multiply`] says of the first `used` points.
    pub(crate) fn multiply(&self, points: &[[u8; 32]; LANES], used: usize) -> [[u8; 32]; LANES] {
        if lanes_for(used).is_none() {
            return first(used, |at| self.single.multiply(&points[at]));
        }
        let mut pairs = points.map(|point| Pair { scalar: *self.scalar.as_bytes(), point });
        let products = multiply(&pairs, used);
        pairs.zeroize();
        products
    }
}

/// The lanes, if they take less time for so many.
fn lanes_for(used: usize) -> Option<Avx512> {
    Avx512::detect().filter(|lanes| used >= lanes.enough())
}

fn first(used: usize, product: impl Fn(usize) -> [u8; 32]) -> [[u8; 32]; LANES] {
    std::array::from_fn(|at| if at < used { product(at) } else { [0; 32] })
}

/// RFC 7748 §5: a multiple of 8 whose highest bit is 254.
fn clamp(scalar: &mut [u8; 32]) {
    scalar[0] &= 248;
    scalar[31] = scalar[31] & 127 | 64;
}

/// What [`multiply`] uses here.
pub(crate) fn backend() -> &'static str {
    Avx512::detect().map_or("aws-lc", Avx512::name)
}

/// Whether it does [`LANES`] at once.
pub(crate) fn has_lanes() -> bool {
    Avx512::detect().is_some()
}

/// Whether a u-coordinate is encoded as the number below 2^255 − 19 that it is.
pub(crate) fn is_canonical(point: &[u8; 32]) -> bool {
    let low = point[0] >= 0xed && point[1..31].iter().all(|byte| *byte == 0xff) && point[31] & 0x7f == 0x7f;
    point[31] & 0x80 == 0 && !low
}
