//! X25519 (RFC 7748 §5) of several pairs at once: eight lanes of AVX-512 IFMA where the CPU has it, otherwise one after the
//! other in aws-lc, the fastest maintained library.

#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(any(test, target_arch = "x86_64"))]
mod ladder;
mod single;
#[cfg(test)]
mod tests;

/// Pairs that are multiplied at once.
pub(crate) const LANES: usize = 8;

/// A scalar, which is clamped, and a u-coordinate.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Pair {
    pub(crate) scalar: [u8; 32],
    pub(crate) point: [u8; 32],
}

/// The products of the first `used` pairs; all zero where the point has a small order.
pub(crate) fn multiply(pairs: &[Pair; LANES], used: usize) -> [[u8; 32]; LANES] {
    #[cfg(target_arch = "x86_64")]
    if let Some(products) = ifma::multiply(pairs) {
        return products;
    }
    let mut products = [[0; 32]; LANES];
    for (product, pair) in products.iter_mut().zip(pairs).take(used) {
        *product = single::multiply(pair);
    }
    products
}

/// What [`multiply`] uses here.
pub(crate) fn backend() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if ifma::is_available() {
        return "avx512ifma";
    }
    "aws-lc"
}

/// Whether a u-coordinate is encoded as the number below 2^255 − 19 that it is.
pub(crate) fn is_canonical(point: &[u8; 32]) -> bool {
    let low = point[0] >= 0xed && point[1..31].iter().all(|byte| *byte == 0xff) && point[31] & 0x7f == 0x7f;
    point[31] & 0x80 == 0 && !low
}
