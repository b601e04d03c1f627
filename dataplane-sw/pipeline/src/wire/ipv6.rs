use mimiq_contract::DropReason;

use super::field::At;
use crate::bits::Bits128;

/// Length of the header, bytes.
pub(crate) const LEN: usize = 40;
/// Next header of an IPv4 packet.
pub(crate) const IPV4: u8 = 4;
/// Next header of UDP.
pub(crate) const UDP: u8 = 17;
/// Next header of an IPv6 packet.
pub(crate) const IPV6: u8 = 41;
/// Next header of a fragment header.
pub(crate) const FRAGMENT: u8 = 44;
/// Next header of ICMPv6.
pub(crate) const ICMPV6: u8 = 58;

/// An IPv6 header (RFC 8200 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ipv6 {
    /// Traffic class and flow label, 28 bits.
    pub(crate) class_and_flow: u32,
    /// What follows the header, bytes.
    pub(crate) payload_len: u16,
    pub(crate) next_header: u8,
    pub(crate) hop_limit: u8,
    pub(crate) src: Bits128,
    pub(crate) dst: Bits128,
}

impl Ipv6 {
    /// To be filled in.
    pub(crate) const EMPTY: Self = Self {
        class_and_flow: 0,
        payload_len: 0,
        next_header: 0,
        hop_limit: 0,
        src: Bits128::ZERO,
        dst: Bits128::ZERO,
    };

    /// Reads a header whose packet is within `bytes`.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        let header = bytes.first_chunk::<LEN>().ok_or(DropReason::TruncatedIp)?;
        let first = u32::from_be_bytes(At::<0>::get(header));
        if first >> 28 != 6 {
            return Err(DropReason::IpVersion);
        }
        let payload_len = u16::from_be_bytes(At::<4>::get(header));
        if LEN + usize::from(payload_len) > bytes.len() {
            return Err(DropReason::TruncatedIp);
        }
        Ok(Self {
            class_and_flow: first & 0x0fff_ffff,
            payload_len,
            next_header: header[6],
            hop_limit: header[7],
            src: Bits128::from_be_bytes(At::<8>::get(header)),
            dst: Bits128::from_be_bytes(At::<24>::get(header)),
        })
    }

    #[inline]
    pub(crate) fn emit(&self) -> [u8; LEN] {
        let mut header = [0; LEN];
        At::<0>::put(&mut header, (6 << 28 | self.class_and_flow & 0x0fff_ffff).to_be_bytes());
        At::<4>::put(&mut header, self.payload_len.to_be_bytes());
        header[6] = self.next_header;
        header[7] = self.hop_limit;
        At::<8>::put(&mut header, self.src.to_be_bytes());
        At::<24>::put(&mut header, self.dst.to_be_bytes());
        header
    }
}

/// Decrements the hop limit, at least 1, of the header at the start of `packet`.
#[inline]
pub(crate) fn decrement_hop_limit(packet: &mut [u8]) {
    if let Some(header) = packet.first_chunk_mut::<LEN>() {
        header[7] = header[7].saturating_sub(1);
    }
}

/// Link-local, multicast, loopback or unspecified: an address that is not forwarded.
#[inline]
pub(crate) fn is_local(addr: Bits128) -> bool {
    let bits = addr.bits();
    // fe80::/10, ff00::/8, ::1 and ::, without a branch for each.
    (bits >> 118 == 0x3fa) | (bits >> 120 == 0xff) | (bits <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> etherparse::Ipv6Header {
        etherparse::Ipv6Header {
            traffic_class: 0xb8,
            flow_label: 0xabcde.try_into().unwrap(),
            payload_length: 0,
            next_header: etherparse::IpNumber::UDP,
            hop_limit: 9,
            source: [1; 16],
            destination: [2; 16],
        }
    }

    #[test]
    fn agrees_with_etherparse() {
        let bytes = reference().to_bytes();
        let ours = Ipv6::parse(&bytes).unwrap();
        assert_eq!(ours.class_and_flow, 0xb8a_bcde);
        assert_eq!((ours.src, ours.dst), (Bits128::from_be_bytes([1; 16]), Bits128::from_be_bytes([2; 16])));
        assert_eq!(ours.emit(), bytes);
        let mut decremented = bytes;
        decrement_hop_limit(&mut decremented);
        assert_eq!(Ipv6::parse(&decremented), Ok(Ipv6 { hop_limit: 8, ..ours }));
    }

    #[test]
    fn refuses_truncated_and_malformed_headers() {
        let good = reference().to_bytes();
        (0..LEN).for_each(|len| assert_eq!(Ipv6::parse(&good[..len]), Err(DropReason::TruncatedIp)));
        for (at, value, reason) in [(0, 0x45, DropReason::IpVersion), (5, 1, DropReason::TruncatedIp)] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(Ipv6::parse(&bad), Err(reason), "byte {at} = {value}");
        }
    }
}
