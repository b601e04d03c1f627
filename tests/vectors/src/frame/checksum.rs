//! The Internet checksum (RFC 1071), by the book.

use std::net::IpAddr;

/// The checksum of the bytes, an odd last one padded with zero.
pub(crate) fn of(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        // The carry is added at the other end.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The checksum of an upper layer behind its pseudo-header (RFC 768, RFC 8200 §8.1).
pub(crate) fn of_upper((src, dst): (IpAddr, IpAddr), protocol: u8, bytes: &[u8]) -> u16 {
    let mut all = Vec::new();
    for addr in [src, dst] {
        match addr {
            IpAddr::V4(addr) => all.extend(addr.octets()),
            IpAddr::V6(addr) => all.extend(addr.octets()),
        }
    }
    all.extend((bytes.len() as u32).to_be_bytes());
    all.extend(u32::from(protocol).to_be_bytes());
    all.extend(bytes);
    of(&all)
}
