//! The Internet checksum (RFC 1071), its pseudo-header (RFC 8200 §8.1) and its incremental update (RFC 1624).

use std::net::Ipv6Addr;

/// The one's complement sum of 16-bit words, not yet folded. An odd last byte is padded with zero.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>() + last
}

/// The sum of the pseudo-header of an upper layer of IPv6.
pub(crate) fn pseudo_sum(src: Ipv6Addr, dst: Ipv6Addr, len: usize, next_header: u8) -> u64 {
    sum(&src.octets()) + sum(&dst.octets()) + len as u64 + u64::from(next_header)
}

/// The sum folded to 16 bits: 0xffff if the checksum was part of it and is right.
#[inline]
pub(crate) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The checksum after a 16-bit word it covers has changed (RFC 1624, equation 3).
#[inline]
pub(crate) fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!old) + u64::from(new))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_zero_over_data_with_its_checksum(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let checksum = !fold(sum(&bytes));
            if bytes.len() % 2 == 1 {
                bytes.push(0);
            }
            bytes.extend(checksum.to_be_bytes());
            prop_assert_eq!(fold(sum(&bytes)), 0xffff);
        }

        #[test]
        fn update_equals_computing_anew(words in proptest::collection::vec(1u16.., 2..20), new: u16) {
            let of = |words: &[u16]| !fold(words.iter().map(|word| u64::from(*word)).sum());
            let mut changed = words.clone();
            changed[0] = new;
            prop_assert_eq!(update(of(&words), words[0], new), of(&changed));
        }
    }
}
