//! ICMP errors of both families (RFC 792, RFC 4443), with a quotation of fixed length: the IP header and 8 bytes.

use std::net::Ipv6Addr;

use super::{checksum, field::At, ipv6::ICMPV6};

/// Length of an ICMP error's header, bytes.
pub(crate) const LEN: usize = 8;
/// Bytes quoted behind the IP header.
pub(crate) const QUOTED: usize = 8;
/// IPv4 protocol number of ICMP.
pub(crate) const ICMPV4: u8 = 1;

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IcmpError {
    /// The hop limit ran out.
    TimeExceeded,
    /// The packet is larger than this many bytes.
    TooBig(u16),
}

impl IcmpError {
    /// The ICMPv4 header before `quote`.
    pub(crate) fn emit_v4(self, quote: &[u8]) -> [u8; LEN] {
        let (kind, code, rest) = match self {
            Self::TimeExceeded => (11, 0, 0),
            Self::TooBig(mtu) => (3, 4, u32::from(mtu)),
        };
        header(kind, code, rest, checksum::sum(quote))
    }

    /// The ICMPv6 header before `quote`.
    pub(crate) fn emit_v6(self, src: Ipv6Addr, dst: Ipv6Addr, quote: &[u8]) -> [u8; LEN] {
        let (kind, rest) = match self {
            Self::TimeExceeded => (3, 0),
            Self::TooBig(mtu) => (2, u32::from(mtu)),
        };
        header(kind, 0, rest, checksum::pseudo_sum(src, dst, LEN + quote.len(), ICMPV6) + checksum::sum(quote))
    }
}

fn header(kind: u8, code: u8, rest: u32, sum: u64) -> [u8; LEN] {
    let mut header = [kind, code, 0, 0, 0, 0, 0, 0];
    At::<4>::put(&mut header, rest.to_be_bytes());
    let checksum = !checksum::fold(sum + checksum::sum(&header));
    At::<2>::put(&mut header, checksum.to_be_bytes());
    header
}

/// Whether an ICMPv4 message of this type is an error (RFC 1122 §3.2.2).
pub(crate) fn is_error_v4(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 5 | 11 | 12)
}

/// Whether an ICMPv6 message of this type is an error (RFC 4443 §2.1).
pub(crate) fn is_error_v6(kind: u8) -> bool {
    kind < 128
}
